"""What the servers of this world answer: plain pages, without anything else to load, and redirects."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl, urlsplit

from flask import Response

# Without an icon of its own a page makes the browser ask the host for one.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><link rel="icon" href="data:,"></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""

_LOGIN = """<p role="alert">{message}</p>
<form method="post" action="{action}">
<label>User <input name="user" autocomplete="off"></label>
<label>Password <input name="password" type="password" autocomplete="off"></label>
<button name="do" value="sign-in">Sign in</button>
<button name="do" value="deny">Deny</button>
</form>"""

_BY_SCRIPT = """<script>
document.forms[0].addEventListener("submit", async event => {
  event.preventDefault();
  const form = new URLSearchParams(new FormData(event.target, event.submitter));
  const answer = await fetch(event.target.action, {method: "POST", body: form});
  location.assign((await answer.json()).onward);
});
</script>"""

_ONWARD = """<form method="get" action="{action}">{fields}<button>Continue</button></form>
<script>document.forms[0].submit();</script>"""


def page(title: str, body: str) -> str:
    return _PAGE.format(title=escape(title), body=body)


def login(action: str, message: str = "", *, by_script: bool = False) -> str:
    form = _LOGIN.format(action=escape(action), message=escape(message))
    return page("Sign in to Sentinel", form + (_BY_SCRIPT if by_script else ""))


def onward(location: str) -> str:
    """A form that takes the browser to ``location``, and sends itself."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in parse_qsl(urlsplit(location).query, keep_blank_values=True)
    )
    return page("One moment", _ONWARD.format(action=escape(location.partition("?")[0]), fields=fields))


def problem(status: int, detail: str) -> Response:
    return Response(page(f"Problem {status}", f"<p>{escape(detail)}</p>"), status)


def redirect(location: str) -> Response:
    return Response(status=302, headers={"Location": location})
