"""What messages hold, their Content-Encoding taken off, in bounded memory: a few bytes may unpack to gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO

import brotli

from lp_sentinel.captures.zstd import unpacker

_GZIP, _ZLIB, _DEFLATE = 47, 15, -15
"""What stands around the compressed bytes, as zlib's ``wbits``."""
_LARGEST_WINDOW = 8 << 20
"""Bytes that RFC 9659 allows Content-Encoding: zstd to look back."""


def content_of(raw: bytes | None, encoding: str, largest: int) -> bytes | None:
    """The decoded body; ``None`` if it is not there, is longer than ``largest``, or can't be decoded.

    ``encoding`` is what the header Content-Encoding says.
    """
    if raw is None or len(raw) > largest:
        return None
    for name in reversed([name.strip() for name in encoding.lower().split(",")]):
        if raw and name not in ("", "identity", "none"):
            decode = _DECODERS.get(name)
            raw = _bounded(decode, raw, largest) if decode else None
            if raw is None:
                return None
    return raw


def _bounded(decode: Callable[[bytes, int], bytes | None], raw: bytes, largest: int) -> bytes | None:
    try:
        content = decode(raw, largest + 1)
    except (zlib.error, brotli.error, ValueError, EOFError):
        return None
    return content if content is not None and len(content) <= largest else None


def _inflated(raw: bytes, most: int, around: int) -> bytes | None:
    stream = zlib.decompressobj(around)
    content = stream.decompress(raw, most)
    return content if stream.eof else None


def _gzip(raw: bytes, most: int) -> bytes:
    # Some servers call zlib's format gzip, and some end without the checksum: mitmproxy, too, takes what there is.
    return zlib.decompressobj(_GZIP).decompress(raw, most)


def _deflate(raw: bytes, most: int) -> bytes | None:
    try:
        return _inflated(raw, most, _ZLIB)
    except zlib.error:  # some servers leave out what should stand around it
        return _inflated(raw, most, _DEFLATE)


def _brotli(raw: bytes, most: int) -> bytes | None:
    stream = brotli.Decompressor()
    content: bytes = stream.process(raw, output_buffer_limit=most)
    return content if stream.is_finished() else None


def _zstd(raw: bytes, most: int) -> bytes:
    pull = unpacker(BytesIO(raw).read, window=_LARGEST_WINDOW)
    content = bytearray()
    while len(content) < most and (piece := pull(most - len(content))):
        content += piece
    return bytes(content)


_DECODERS: dict[str, Callable[[bytes, int], bytes | None]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "deflateraw": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
