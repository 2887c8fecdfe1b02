"""The kinds of text that facts hold, by how they are shown.

Text of no kind is shown as it is, but for secrets that are joined to it (``1.0;state=…``).
"""

from __future__ import annotations

from typing import Annotated


class Secret(str):
    """A value that is redacted wherever it leaves the program: a code, a state, a token, a secret."""

    __slots__ = ()


class Url(str):
    """A URL of the capture: shown with the values of its query redacted, but for those known to be harmless."""

    __slots__ = ()


class RedirectUri(str):
    """A redirect URI, which is no secret: shown but for a user's password and what is secret by its name or look."""

    __slots__ = ()


class Registered(str):
    """What the project's config holds: shown as it is."""

    __slots__ = ()


class Word(str):
    """One of the few words that a standard lists: shown unless it looks like a token."""

    __slots__ = ()


class Template(str):
    """What stands where a value was never filled in: shown unless it holds more than a name."""

    __slots__ = ()


class Name(str):
    """A parameter's name: shown unless it looks like a token."""

    __slots__ = ()


class Rest(Name):
    """What stands where a name would, alone: redacted, since it may be the rest of a value that held an ``&``."""

    __slots__ = ()


class Joined(tuple[str, ...]):
    """Texts of one kind that are shown as one text."""

    __slots__ = ()


# The kind of a field whose values are plain text: they are given it only where they are shown, since most never are.
AUrl = Annotated[str, Url]
ARedirectUri = Annotated[str, RedirectUri]
ARegistered = Annotated[str, Registered]
AWord = Annotated[str, Word]
ATemplate = Annotated[str, Template]
AName = Annotated[str, Name]


def secret(value: str | None) -> Secret | None:
    """A parameter's value as a secret; ``None`` where there is none."""
    return Secret(value) if value is not None else None
