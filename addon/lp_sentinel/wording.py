"""Words for messages about what people wrote: quoting, escaping, the nearest known name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os.path import commonprefix

_SERIES = re.compile(r"(\D*\d?).*", re.DOTALL)

WIDEST = 100
"""Characters of a value or of a source line that a message shows."""
_NEAR = 0.6
"""How much of two words is alike, at least, where one may have been meant by the other."""


def quoted(value: object) -> str:
    """A value of the file for a message: in quotes if it is text, escaped, cut."""
    text = visible(str(value)[: WIDEST + 1])
    text = text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
    return f"'{text}'" if isinstance(value, str) else text


def visible(text: str) -> str:
    """With what a terminal would act on or hide (controls, direction marks, lone surrogates) escaped."""
    return text if text.isprintable() else "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def reason(error: BaseException) -> str:
    """Why something failed, in one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split()).removesuffix(".")


def os_problem(error: OSError) -> str:
    """The same with the file that it is about; what names none is what something is printed to."""
    return f"{'cannot write' if error.filename is None else visible(str(error.filename))}: {reason(error)}"


def counted(count: int, noun: str, plural: str = "") -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or f'{noun}s'}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``word`` was most likely meant to be; ``None`` if none comes near."""
    import difflib  # noqa: PLC0415  (only a mistake needs it)

    plain, bare = {_bare(name): name for name in known}, _bare(word[:WIDEST])

    def near(name: str) -> tuple[float, int]:
        # Of those that are equally near, as ids are, the one that begins most alike.
        return difflib.SequenceMatcher(None, name, bare).ratio(), len(commonprefix((name, bare)))  # noqa: RUF071  (of any text)

    best = max(plain, key=near, default=None)
    return plain[best] if best is not None and near(best)[0] >= _NEAR else None


def unknown(what: str, word: str, known: Iterable[str], *, listed: str = "") -> str:
    """``unknown key 'x', did you mean 'y'?``; where nothing comes near, the known ones are listed.

    ``listed`` says instead where that is done, as they are too many for a message.
    """
    names = list(known)
    near = nearest(word, names)
    if near is not None:
        return f"unknown {what} {quoted(word)}, did you mean {quoted(near)}?"
    if listed:
        return f"unknown {what} {quoted(word)}; {listed}"
    return f"unknown {what} {quoted(word)}" + (f" (known: {', '.join(names)})" if names else "")


def unknown_rule(word: str, ids: Iterable[str], names: Iterable[str] = (), *, may_begin: bool = False) -> str:
    """The same of a rule; ``may_begin``: the beginning of an id would do, too.

    There are too many of them to list: the beginnings of their ids stand for all.
    """
    ids = list(ids)
    series = list(dict.fromkeys(_SERIES.sub(r"\1", one) for one in ids))
    begun = [one for one in ids if word and one.startswith(word.upper())]
    if len(begun) > 1 and not may_begin:
        return f"{quoted(word)} is not a rule id; {len(begun)} ids begin with it, from {begun[0]} to {begun[-1]}"
    known = [*(series if may_begin else ()), *ids, *names]
    return unknown("rule", word, known if nearest(word, known) else series)


def _bare(word: str) -> str:
    return word.lower().replace("-", "_")
