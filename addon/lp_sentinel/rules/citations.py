"""What a rule is based on: the pages of LivePerson and the sections of RFCs that it cites."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PAGES = {
    "lp-authorize": "LivePerson, Login Service API: the authorize request",
    "lp-domain": "LivePerson, Domain API",
    "lp-install": "LivePerson, installing an app",
    "lp-overview": "LivePerson, Login Service API: overview",
    "lp-refresh": "LivePerson, Login Service API: the refresh request",
    "lp-token": "LivePerson, Login Service API: the token request",
}
_RFC = re.compile(r"RFC (?P<number>[0-9]{1,5})(?: (?P<appendix>app\. )?(?P<section>[0-9A-Z]+(?:\.[0-9]+)*))?")


def spelled_out(cite: str) -> str:
    """The name of the page that a short one stands for, for readers to whom ``lp-authorize`` is this program."""
    return _PAGES.get(cite, cite)


def in_brief(cites: Iterable[str]) -> str:
    """Citations for a line that is short of room: whose page it is, and each section of an RFC."""
    return ", ".join(dict.fromkeys("LivePerson" if cite in _PAGES else cite for cite in cites))


def link(cite: str) -> str | None:
    """The address of a section of an RFC; ``None`` for what has none that is known to stay."""
    found = _RFC.fullmatch(cite)
    if found is None:
        return None
    page = f"https://www.rfc-editor.org/rfc/rfc{found['number']}"
    if found["section"] is None:
        return page
    return f"{page}#{'appendix' if found['appendix'] else 'section'}-{found['section']}"
