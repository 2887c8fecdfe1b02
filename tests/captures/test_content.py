"""Bodies are decoded as mitmproxy decodes them, but never more of them than is wanted."""

from __future__ import annotations

import bz2
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from mitmproxy.http import Headers, Response
from mitmproxy.test import tflow

from lp_sentinel.captures.content import content_of
from lp_sentinel.captures.flows import exchange_of

type Encode = Callable[[bytes], bytes]

MANY = 200 << 20
"""Bytes that a bomb unpacks to."""
TEXT = b'{"access_token": "geheim"}' * 3


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def raw_deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


ENCODINGS: dict[str, Encode] = {
    "gzip": gzipped,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
WAYS = [*ENCODINGS.items(), ("deflate", raw_deflate)]


def answer(raw: bytes | None, encoding: str | None = None) -> Response:
    made = Response.make(200)
    made.headers = Headers([] if encoding is None else [(b"Content-Encoding", encoding.encode())])
    made.raw_content = raw
    return made


def decoded(message: Response, largest: int = 4096) -> bytes | None:
    return content_of(message.raw_content, message.headers.get("content-encoding", ""), largest)


@pytest.mark.parametrize(("name", "encode"), WAYS)
def test_what_is_not_too_long_is_decoded_as_mitmproxy_does(name: str, encode: Encode) -> None:
    for content in (b"", TEXT, bytes(range(256)) * 16):
        held = answer(encode(content), name)
        assert decoded(held) == content == held.get_content()
    assert decoded(answer(encode(b"x" * 4097), name)) is None


@pytest.mark.parametrize(("name", "encode"), [way for way in WAYS if way[0] != "gzip"])
def test_what_breaks_off_or_is_no_such_thing_is_not_known(name: str, encode: Encode) -> None:
    whole = encode(bytes(range(256)))
    assert {decoded(answer(whole[:length], name)) for length in range(1, len(whole))} == {None}
    assert decoded(answer(TEXT, name)) is None


def test_of_gzip_what_there_is_is_taken_as_mitmproxy_does() -> None:
    whole = gzipped(TEXT)
    for length in range(1, len(whole)):
        held = answer(whole[:length], "gzip")
        assert decoded(held) == held.get_content()
    assert decoded(answer(TEXT, "gzip")) is None


@pytest.mark.parametrize(
    ("encoding", "raw", "expected"),
    [
        (None, TEXT, TEXT),
        (None, None, None),
        (None, b"x" * 101, None),
        ("", TEXT, TEXT),
        ("identity", TEXT, TEXT),
        ("GZip", gzipped(TEXT), TEXT),
        ("x-gzip", gzipped(TEXT), TEXT),
        ("gzip", zlib.compress(TEXT), TEXT),
        ("deflateRaw", raw_deflate(TEXT), TEXT),
        ("none", TEXT, TEXT),
        ("deflate, br", brotli.compress(zlib.compress(TEXT)), TEXT),
        ("br, deflate", brotli.compress(zlib.compress(TEXT)), None),
        ("gzip", b"", b""),
        ("bz2", bz2.compress(TEXT), None),
        ("rot13", TEXT, None),
    ],
)
def test_content_encoding(encoding: str | None, raw: bytes | None, expected: bytes | None) -> None:
    assert decoded(answer(raw, encoding), 100) == expected


@pytest.mark.parametrize("name", [*ENCODINGS, "bz2", "gzip, br"])
def test_a_bomb_takes_no_memory(name: str) -> None:
    flow = tflow.tflow(resp=True)
    flow.request.path = "/sentinel/api/account/12345678/token?v=1.0"
    assert flow.response
    packed = bz2.compress(bytes(MANY)) if name == "bz2" else ENCODINGS[name.partition(",")[0]](bytes(MANY))
    flow.response = answer(brotli.compress(packed) if "," in name else packed, name)
    tracemalloc.start()
    try:
        assert exchange_of(flow, 0).response_body is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20


def test_no_more_than_a_browser_may_be_looked_back() -> None:
    """RFC 9659."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = stream.compress(TEXT) + stream.flush()
    assert decoded(answer(packed, "zstd")) is None
