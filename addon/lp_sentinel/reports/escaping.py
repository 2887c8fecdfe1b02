"""Captured text made harmless for Markdown, XML and workflow commands; jinja2 does so for HTML, records.py for JSON."""

from __future__ import annotations

import re

from lp_sentinel.redact import printable

_LONGEST = 600

_MARKUP = re.compile(r"[^\w\s.,;:'\"()/?=+%^…-]|_|://|:.*:|(?i:www\.)")
_PUNCTUATED = re.compile(r"([\"(]*)(.*?)([\"),;.:]*)\Z")
"""A word, and the punctuation around it."""
_ILLEGAL_IN_XML = re.compile(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def one_line(text: str) -> str:
    """Without line breaks and other characters that do something, cut to what can be read."""
    return printable(" ".join(text.split()), _LONGEST)


def markdown(text: str) -> str:
    """Shown by Markdown as it is, in one line: no markup, no HTML, no link, no mention of anyone.

    A word in which anything could be markup is set as code, which also is how a value reads best.
    """
    return " ".join(map(_word, one_line(text).split(" ")))


def cell(text: str) -> str:
    """The same in a cell of a table."""
    return markdown(text).replace("|", "\\|")


def _word(word: str) -> str:
    return _PUNCTUATED.sub(_set_as_code, word, count=1)


def _set_as_code(found: re.Match[str]) -> str:
    before, bare, after = found.groups()
    # It closes what was opened within: a bracket, or a name of an emoji.
    while (after.startswith(")") and bare.count("(") > bare.count(")")) or (after.startswith(":") and ":" in bare):
        bare, after = bare + after[0], after[1:]
    return before + code(bare) + after if _MARKUP.search(bare) else found[0]


def code(text: str) -> str:
    """Text as Markdown's code, whatever backticks are in it."""
    line = one_line(text) or " "
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"


def xml(text: str) -> str:
    """Without the characters that no XML document may hold, not even escaped; lone surrogates are among them."""
    return _ILLEGAL_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def command(text: str) -> str:
    """The message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """The value of a property of a workflow command."""
    return command(text).replace(":", "%3A").replace(",", "%2C")
