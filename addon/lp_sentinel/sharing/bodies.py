"""Bodies without the secrets in them: forms, JSON, HTML, multipart and text. Any other body is left out."""

from __future__ import annotations

import html
import json
import re

import msgspec

from lp_sentinel.exchange import as_bytes, as_text
from lp_sentinel.sharing.headers import HeaderValues
from lp_sentinel.sharing.stand_ins import StandIns
from lp_sentinel.sharing.urls import Urls

LARGEST = 1 << 20
"""Bytes, decoded. Of a larger body, which is no page of a login, nothing is kept."""
_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"(\s*+:)?|-?[0-9][0-9.eE+\-]*', re.DOTALL)
_DIGITS = re.compile(r"[0-9]+")
_LENIENT = json.JSONDecoder(strict=False)
"""Control characters may stand in a string as they are."""
_FORM = re.compile(r"[A-Za-z0-9_.\-\[\]%+]+=")
_DROPPED = re.compile(r"(?is)<!--.*?(?:-->|\Z)|(<(script|style|svg|template)\b[^>]*(?:>|\Z)).*?(?:</\2\s*>|\Z)")
_TAG = re.compile(r"<([/!?]?)([A-Za-z][A-Za-z0-9:\-]{0,40})([^<>]*)>")
_ATTRIBUTE = re.compile(r"([A-Za-z][A-Za-z:\-]{0,30})(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?")
_URL_ATTRIBUTES = frozenset(("action", "cite", "data", "formaction", "href", "poster", "src"))
_OPEN_ATTRIBUTES = frozenset((
    "autocomplete", "charset", "class", "crossorigin", "dir", "enctype", "for", "formmethod", "height", "http-equiv",
    "id", "lang", "method", "name", "rel", "role", "size", "tabindex", "target", "type", "width",
))  # fmt: skip
_REFRESH = re.compile(r"(?is)(\s*[0-9.]+\s*[;,]\s*url\s*=\s*)(.*)")
_BOUNDARY = re.compile(r'(?i)boundary="?([^";,\s]+)"?')
_PART = re.compile(r"(?s)(\r?\n)(.*?)(\r?\n\r?\n)(.*)")
_DISPOSITION = re.compile(r'(?i)((?:\A|;)\s*(file)?name\*?=")([^"]*)(")')


class Bodies:
    """Has what is not known to be harmless replaced, by what a body is."""

    def __init__(self, stand_ins: StandIns, urls: Urls, values: HeaderValues) -> None:
        self._stand_ins = stand_ins
        self._urls = urls
        self._values = values

    def body(self, data: bytes, content_type: str, *, is_token: bool) -> bytes | None:
        """``None`` if nothing of it can be kept. Token exchanges are judged by their bodies, so those are kept."""
        if not data:
            return data
        if len(data) > LARGEST:
            return None
        clean = self._text(as_text(data), content_type, is_token=is_token)
        return None if clean is None else as_bytes(clean)

    def _text(self, text: str, content_type: str, *, is_token: bool) -> str | None:
        kind = content_type.partition(";")[0].strip().lower()
        start = text.lstrip()[:1]
        if boundary := _BOUNDARY.search(content_type) if kind.startswith("multipart/") else None:
            return self._multipart(text, boundary[1])
        if start and start in '{["' and _is_json(text):
            return self._json(text)
        if start == "<" or kind.endswith(("html", "xml")):
            return self._markup(text)
        if kind == "application/x-www-form-urlencoded" or is_token or (not kind and _FORM.match(text)):
            return self._urls.pairs(text, "form fields")
        if kind == "text/plain":
            return self._urls.pairs(text, "form fields") if _FORM.match(text) else self._stand_ins.text(text, "text")
        return None

    # JSON

    def _json(self, text: str) -> str:
        """JSON with the values of its strings and numbers replaced; what stands between them stays."""
        key = ""

        def member(found: re.Match[str]) -> str:
            nonlocal key
            if found[1] is None:
                return self._number(key, found[0])
            string = _LENIENT.decode(found[0].removesuffix(found[2] or "")) if "\\" in found[1] else found[1]
            if found[2]:
                key = string
                return json.dumps(self._urls.name(string, "JSON values")) + found[2]
            return json.dumps(self._urls.value(key, string, "JSON values", 0)) if string else found[0]

        return _STRING.sub(member, text)

    def _number(self, key: str, number: str) -> str:
        if key in ("expires_in", "v", "max_age") or not number.strip("-0."):
            return number

        def digits(found: re.Match[str]) -> str:
            made = self._stand_ins.text(found[0], "JSON values")
            return found[0][0] + made[1:] if made[0] == "0" or found[0][0] == "0" else made

        mantissa, exponent = re.fullmatch(r"([^eE]*)(.*)", number).groups()  # type: ignore[union-attr]
        return _DIGITS.sub(digits, mantissa) + exponent

    # HTML and XML

    def _markup(self, text: str) -> str:
        text = _DROPPED.sub(lambda found: f"{found[1]}</{found[2]}>" if found[1] else "", text)
        pieces: list[str] = []
        at = 0
        for tag in _TAG.finditer(text):
            pieces += self._stand_ins.text(text[at : tag.start()], "text"), self._tag(tag)
            at = tag.end()
        return "".join([*pieces, self._stand_ins.text(text[at:], "text")])

    def _tag(self, tag: re.Match[str]) -> str:
        name = self._stand_ins.text(tag[2], "text", is_open=True)
        attributes = "".join(self._attribute(found) for found in _ATTRIBUTE.finditer(tag[3]))
        return f"<{tag[1]}{name}{attributes}{'/' if tag[3].rstrip().endswith('/') else ''}>"

    def _attribute(self, found: re.Match[str]) -> str:
        name, written = found[1].lower(), found[2]
        shown = self._stand_ins.text(found[1], "text", is_open=True)
        if written is None:
            return f" {shown}"
        value = html.unescape(written[1:-1] if written[0] in "\"'" else written)
        return f' {shown}="{html.escape(self._attribute_value(name, value))}"'

    def _attribute_value(self, name: str, value: str) -> str:
        if refresh := _REFRESH.fullmatch(value) if name == "content" else None:
            return refresh[1] + self._urls.url(refresh[2])
        if name in _URL_ATTRIBUTES:
            return self._urls.url(value) if not value.startswith(("data:", "javascript:")) else ""
        if name in _OPEN_ATTRIBUTES:
            return self._stand_ins.text(value, "text", is_open=True)
        if name.startswith("on") or name == "style":
            return ""
        if name == "value" and value:
            return self._urls.value("", value, "HTML values", 0)
        return self._stand_ins.text(value, "text")

    # Multipart

    def _multipart(self, text: str, boundary: str) -> str:
        opening, *parts = text.split(f"--{boundary}")
        return f"--{boundary}".join([self._stand_ins.text(opening, "text"), *map(self._part, parts)])

    def _part(self, part: str) -> str:
        found = _PART.fullmatch(part)
        if found is None:
            return self._stand_ins.text(part, "text")
        end = found[4][len(found[4].rstrip("\r\n")) :]
        content = found[4].removesuffix(end) if end else found[4]
        lines = [line.partition(":") for line in re.split(r"\r?\n", found[2])]
        sent = {name.strip().lower(): value.strip() for name, _, value in lines}
        names = {bool(match[2]): match[3] for match in _DISPOSITION.finditer(sent.get("content-disposition", ""))}
        shown = found[1].join(
            name + colon + self._part_header(name.strip().lower(), value) for name, colon, value in lines
        )
        if "content-type" in sent:
            body = self._text(content, sent["content-type"], is_token=False) or ""
        else:
            body = self._urls.value(names.get(False, ""), content, "form fields", 0) if content else content
        return found[1] + shown + found[3] + body + end

    def _part_header(self, name: str, value: str) -> str:
        if name != "content-disposition":
            return self._values.headers(((name, value),))[0][1]
        return _DISPOSITION.sub(
            lambda found: (
                found[1]
                + (self._stand_ins.text(found[3], "text") if found[2] else self._urls.name(found[3], "form fields"))
                + found[4]
            ),
            self._stand_ins.text(value, "text", is_open=True),
        )


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True
