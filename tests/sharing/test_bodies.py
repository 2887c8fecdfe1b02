"""Bodies and credentials stay what they are: only what may be secret in them is replaced or left out."""

from __future__ import annotations

import json

import pytest

from lp_sentinel.config import Config
from lp_sentinel.sharing.cleaner import Cleaner
from lp_sentinel.token import basic_credentials

SECRET = "Ab3dE6gH9kLm"


def cleaned(body: bytes, content_type: str) -> bytes | None:
    """The body as it is in a copy."""
    cleaner = Cleaner(Config())
    cleaner.bodies.body(body, content_type, is_token=False)
    cleaner.stand_ins.seal()
    clean = cleaner.bodies.body(body, content_type, is_token=False)
    assert SECRET.encode() not in (clean or b"")
    return clean


@pytest.mark.parametrize(
    "page",
    [
        b'<!doctype html>\n<html lang="en"><body class="wide"><br/>\n</body></html>',
        b'<form method="post" action="/login"><input name="user" type="text" required></form>',
    ],
)
def test_a_page_keeps_its_tags_and_what_is_harmless_in_them(page: bytes) -> None:
    assert cleaned(page, "text/html") == page


@pytest.mark.parametrize(
    ("attribute", "stays"),
    [
        (f"href=\"javascript:go('{SECRET}')\"", 'href=""'),
        ("href=\"javascript:go('word')\"", 'href=""'),
        ("src='data:text/plain,word'", 'src=""'),
        ("onclick=\"go('word')\"", 'onclick=""'),
        ('style="word"', 'style=""'),
    ],
)
def test_of_scripts_and_data_in_a_tag_nothing_is_left(attribute: str, stays: str) -> None:
    assert cleaned(f"<a {attribute}></a>".encode(), "text/html") == f"<a {stays}></a>".encode()


def test_where_a_page_goes_by_itself_is_a_url() -> None:
    begin = b'<meta http-equiv="refresh" content="0; url=/cb?code='
    clean = cleaned(b'%b%b">' % (begin, SECRET.encode()), "text/html")
    assert clean is not None
    assert clean.startswith(begin)
    assert len(clean) == len(begin) + len(SECRET) + 2


def test_numbers_of_json_stay_numbers() -> None:
    numbers = [*range(100, 300), -17, 0.25, 1.5, 0]
    text = json.dumps(numbers).encode()
    clean = cleaned(text, "application/json")
    assert clean is not None
    assert len(clean) == len(text)
    assert len(json.loads(clean)) == len(numbers)
    assert json.loads(clean) != numbers


@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
def test_what_is_not_utf8_is_no_json(content_type: str) -> None:
    clean = cleaned(b'{"code": "%b\xff"}' % SECRET.encode(), content_type)
    assert (clean is None) == (content_type == "application/json")


def test_a_form_in_parts_keeps_its_parts() -> None:
    parts = (
        b'--zz\r\nContent-Disposition: form-data; name="user"\r\n\r\n%b\r\n'
        b'--zz\r\nContent-Disposition: form-data; name="client_id"; filename="%b"\r\n'
        b"Content-Type: application/json\r\n\r\n{%b}\r\n"
        b"--zz\r\nContent-Type: image/png\r\n\r\n%b\r\n"
        b"--zz\r\n\r\n%b\r\n--zz--\r\n"
    )
    secret = SECRET.encode()
    sent = parts % (secret, secret, b'"v": 1', b"\x89PNG" + secret, secret)
    clean = cleaned(sent, "multipart/form-data; boundary=zz")
    assert clean is not None
    user, upload, image, bare, end = clean.split(b"--zz")[1:]
    assert user.startswith(b'\r\nContent-Disposition: form-data; name="user"\r\n\r\n')
    assert len(user) == len(b'\r\nContent-Disposition: form-data; name="user"\r\n\r\n\r\n') + len(secret)
    assert b'; name="client_id"; filename="' in upload
    assert upload.endswith(b'"\r\nContent-Type: application/json\r\n\r\n{"v": 1}\r\n')
    assert image == b"\r\nContent-Type: image/png\r\n\r\n\r\n"  # of what is no text nothing is kept
    assert (len(bare), end) == (len(secret) + 6, b"--\r\n")


@pytest.mark.parametrize("credentials", ["???not!", "YW5uYQ==", "YW5uYTpwYXNz"])
def test_credentials_of_http_basic_stay_as_readable_as_they_were(credentials: str) -> None:
    cleaner = Cleaner(Config())
    given = (("Authorization", f"Basic {credentials}"),)
    cleaner.values.headers(given)
    cleaner.stand_ins.seal()
    [(_, shown)] = cleaner.values.headers(given)
    assert shown != given[0][1]
    assert len(shown) == len(given[0][1])
    assert (basic_credentials(shown[6:]) is None) == (basic_credentials(credentials) is None)
