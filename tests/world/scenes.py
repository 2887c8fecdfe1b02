"""The recorded sessions: what happens in each, and the findings that it must give."""

from __future__ import annotations

from tests.world.app import App
from tests.world.browser import Browser
from tests.world.stage import PAYROLL, TICKETS, Stage, changed, scene

SIGNED_IN = {"signed_in_as": "qa@example.com"}


def begin(browser: Browser, app: App) -> Browser:
    """Open the app and follow its link to sign in, to wherever that leads."""
    browser.open(app.origin)
    browser.follow("Sign in")
    return browser


@scene()
def in_order(stage: Stage) -> None:
    """The user has a session already: authorize sends the browser straight back with a code."""
    stage.behave(**SIGNED_IN)
    begin(stage.browser(), stage.reports)


@scene()
def login_in_order(stage: Stage) -> None:
    """The user signs in at the login page, and comes back with a code."""
    begin(stage.browser(), stage.reports).sign_in()


@scene()
def login_returns_to_authorize(stage: Stage) -> None:
    """The login page sends the browser back to the authorize URL, which now finds a session."""
    stage.behave(onward="authorize")
    begin(stage.browser(), stage.reports).sign_in()


@scene()
def login_by_script(stage: Stage) -> None:
    """The login page sends its form by script, and the last page of the login goes on by a form."""
    stage.behave(onward="form", login_by_script=True)
    browser = begin(stage.browser(), stage.reports)
    browser.sign_in()
    browser.wait_at(stage.reports.origin)


@scene()
def redemption_seen(stage: Stage) -> None:
    """The app's back end redeems the code through the proxy too: the token exchange ends before its callback does."""
    changed(stage.reports, proxy=stage.proxy.url, library="authlib")
    begin(stage.browser(), stage.reports).sign_in()


@scene()
def two_users_interleaved(stage: Stage) -> None:
    """Two users behind one address, with equal browsers, sign in to one app at the same time."""
    anna, bert = stage.browser(), stage.browser()
    begin(anna, stage.reports)
    begin(bert, stage.reports)
    bert.sign_in()
    anna.sign_in()


@scene("LPA310")
def two_users_one_state_lost(stage: Stage) -> None:
    """Two users sign in at the same time; the login page forgets the state of the second."""
    anna, bert = stage.browser(), stage.browser()
    begin(anna, stage.reports)
    stage.behave(lose_state="at-login")
    begin(bert, stage.reports)
    anna.sign_in()
    bert.sign_in()


@scene("LPA120")
def redirect_uri_missing(stage: Stage) -> None:
    """The app registered two redirect URIs and asks for none: 400."""
    changed(stage.tickets, asks={"redirect_uri": None})
    begin(stage.browser(), stage.tickets)


@scene("LPA141")
def misspelt_parameter(stage: Stage) -> None:
    """The app writes redirectUri for redirect_uri: 400, as it registered two."""
    changed(stage.tickets, asks={"redirect_uri": None, "redirectUri": TICKETS.redirect_uris[0]})
    begin(stage.browser(), stage.tickets)


@scene("LPA123")
def redirect_uri_not_registered(stage: Stage) -> None:
    """The app asks for its redirect URI with a trailing slash that was not registered: 400."""
    stage.behave(**SIGNED_IN)
    changed(stage.reports, asks={"redirect_uri": stage.reports.redirect_uri + "/"})
    begin(stage.browser(), stage.reports)


@scene("LPA116")
def client_unknown(stage: Stage) -> None:
    """The app asks with a client id that nobody registered: 401."""
    changed(stage.reports, asks={"client_id": "75588e18-0213-4e33-8174-883acac7e3c5"})
    begin(stage.browser(), stage.reports)


@scene("LPA117")
def client_of_other_account(stage: Stage) -> None:
    """The app asks with a client id that is registered under another account: 401."""
    changed(stage.reports, asks={"client_id": PAYROLL.client_id})
    begin(stage.browser(), stage.reports)


@scene("LPA130", "LPA142")
def state_missing(stage: Stage) -> None:
    """An app in the manner of LivePerson's sample sends no state, and a scope that is not documented."""
    changed(stage.surveys, state="none", asks={"scope": "openid"})
    begin(stage.browser(), stage.surveys).sign_in()


@scene("LPA203")
def server_error(stage: Stage) -> None:
    """Sentinel answers 500."""
    stage.behave(answers=500)
    begin(stage.browser(), stage.reports)


@scene("LPA310")
def state_lost_at_login(stage: Stage) -> None:
    """The login page forgets the state; the app refuses the callback."""
    stage.behave(lose_state="at-login")
    begin(stage.browser(), stage.reports).sign_in()


@scene("LPA310")
def state_lost_on_error(stage: Stage) -> None:
    """The user presses Deny: the error comes back to the app without the state."""
    stage.behave(lose_state="on-error")
    begin(stage.browser(), stage.reports).deny()


@scene("LPA311")
def state_altered(stage: Stage) -> None:
    """The login decodes the state once too often, so that its plus signs arrive as spaces."""
    stage.behave(alter_state="plus-to-space")
    changed(stage.reports, state="base64")
    begin(stage.browser(), stage.reports).sign_in()


@scene("LPA301")
def landed_on_other_uri(stage: Stage) -> None:
    """The code is sent to the other one of the app's two redirect URIs."""
    stage.behave(land_on=TICKETS.redirect_uris[1])
    begin(stage.browser(), stage.tickets).sign_in()


@scene("LPA314")
def code_in_fragment(stage: Stage) -> None:
    """Code and state come back in the fragment, which a browser does not send to the app."""
    stage.behave(parameters_in_fragment=True, **SIGNED_IN)
    begin(stage.browser(), stage.reports)


@scene("LPA314", "LPA315")
def token_in_fragment(stage: Stage) -> None:
    """An access token comes back in the fragment in place of a code, as in the implicit grant."""
    stage.behave(token_in_fragment=True, **SIGNED_IN)
    begin(stage.browser(), stage.reports)


@scene("LPA305", "LPA408")
def both_code_and_error(stage: Stage) -> None:
    """The app is handed both a code and an error, and refuses them: 403."""
    stage.behave(both_code_and_error=True, **SIGNED_IN)
    begin(stage.browser(), stage.reports)


@scene("LPA320")
def error_without_description(stage: Stage) -> None:
    """The user presses Deny: the error comes back without its description."""
    stage.behave(no_description=True)
    begin(stage.browser(), stage.reports).deny()


@scene("LPA201")
def status_not_documented(stage: Stage) -> None:
    """Sentinel redirects to the app with 303 in place of 302."""
    stage.behave(redirects_with=303, **SIGNED_IN)
    begin(stage.browser(), stage.reports)


@scene("LPA403")
def login_abandoned(stage: Stage) -> None:
    """The user looks at the login page and leaves."""
    begin(stage.browser(), stage.reports)


@scene("LPA404")
def redirect_loop(stage: Stage) -> None:
    """The app may not be used, and begins the login anew whenever it gets no code, in the manner of passport-oauth2."""
    stage.behave(denies=True)
    changed(stage.surveys, restarts=4)
    begin(stage.browser(), stage.surveys)


@scene("LPA406")
def callback_repeated(stage: Stage) -> None:
    """The user comes back to the address of the callback: the same code arrives a second time."""
    browser = begin(stage.browser(), stage.reports)
    browser.sign_in()
    browser.open(stage.reports.callbacks[-1])


@scene("LPA408")
def callback_failed(stage: Stage) -> None:
    """The app can't redeem the code, as its secret is out of date: its callback answers 502."""
    changed(stage.reports, redeems={"client_secret": "out of date"})
    begin(stage.browser(), stage.reports).sign_in()


@scene("LPA406", "LPA502")
def code_reissued(stage: Stage) -> None:
    """Two logins, one after the other, are handed the same code, which so arrives at the app twice."""
    stage.behave(repeats_code=True, **SIGNED_IN)
    begin(stage.browser(), stage.reports)
    begin(stage.browser(), stage.reports)


@scene("LPA120", "LPA310", "LPA408", "LPA605")
def demo(stage: Stage) -> None:
    """Four logins to three apps, of which one is in order.

    One asks for no redirect URI, though its app registered two. One loses its state at the login. The code of one can't
    be redeemed, as the token request leaves out the redirect URI.
    """
    browser = stage.browser()
    begin(browser, stage.reports).sign_in()
    changed(stage.tickets, asks={"redirect_uri": None})
    begin(browser, stage.tickets)
    changed(stage.tickets, asks={})
    stage.sentinel.sign_out()
    stage.behave(lose_state="at-login")
    begin(browser, stage.tickets).sign_in()
    stage.sentinel.sign_out()
    stage.behave()
    changed(stage.surveys, redeems={"redirect_uri": None}, proxy=stage.proxy.url)
    begin(browser, stage.surveys).sign_in()
