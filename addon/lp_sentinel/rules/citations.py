"""Where a citation can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lp_sentinel.reports.escaping import markdown

_RFC = re.compile(r"RFC (?P<number>[0-9]{1,5})(?: (?P<appendix>app\. )?(?P<section>[0-9A-Z]+(?:\.[0-9]+)*))?")


def link(cite: str) -> str | None:
    """The address of a section of an RFC; ``None`` for what has none that is known to stay."""
    found = _RFC.fullmatch(cite)
    if found is None:
        return None
    page = f"https://www.rfc-editor.org/rfc/rfc{found['number']}"
    if found["section"] is None:
        return page
    return f"{page}#{'appendix' if found['appendix'] else 'section'}-{found['section']}"


def linked(cites: Iterable[str]) -> str:
    """Citations in Markdown, each with a link to where it can be read, if that is known."""
    return ", ".join(f"[{markdown(cite)}]({link(cite)})" if link(cite) else markdown(cite) for cite in cites)
