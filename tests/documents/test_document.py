"""YAML files are read safely, and every mistake is shown where it stands."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from lp_sentinel.documents import nodes
from lp_sentinel.documents.document import DocumentError, Where, data_file, load_document, parse_document
from lp_sentinel.wording import nearest, quoted, unknown, visible

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "redirect_uris": {"type": "array", "items": {"type": "string", "minLength": 1}},
        "count": {"type": ["integer", "null"], "minimum": 1, "maximum": 9},
        "seconds": {"type": "number", "exclusiveMinimum": 0},
        "enabled": {"type": "boolean"},
        "severity": {"enum": ["error", "warning", "info"]},
        "when": {"type": "string"},
        "entry": {"type": "object", "required": ["id", "name"]},
        "named": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$", "errorMessage": "expected a small word"}},
        "any": {},
    },
}
ANY: dict[str, object] = {}
PATH = Path("some.yaml")
DEEP = "x: " + "[" * 50


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", {}),
        ("# nothing yet\n", {}),
        ("---\n...\n", {}),
        ("\ufeffcount: 1", {"count": 1}),
        ("a: 0123\nb: 'yes'\nc: yes\nd: ~\ne: 1.5", {"a": 83, "b": "yes", "c": True, "d": None, "e": 1.5}),
        ("until: 2027-03-31", {"until": "2027-03-31"}),
        ("until: 2027-02-31", {"until": "2027-02-31"}),
        ("0123: a\n123: b\non: c\n~: d", {"0123": "a", "123": "b", "on": "c", "~": "d"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: =\nb: <<", {"a": "=", "b": "<<"}),
        ("a: " + "9" * 5000, {"a": "9" * 5000}),
        ("a: 0x" + "f" * 5000, {"a": "0x" + "f" * 5000}),
        ('a: !!str 12\nb: "\\0"', {"a": "12", "b": "\0"}),
    ],
)
def test_data(text: str, data: object) -> None:
    assert parse_document(text, PATH, ANY).data == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "1:5: expected a value here\n  a: [\n      ^"),
        ("a: *b", "1:4: found undefined alias\n  a: *b\n     ^"),
        ("\t- a", "1:1: YAML is indented by spaces, not by tabs\n  \\t- a\n  ^"),
        ("a: *-x.com", "1:4: in YAML a text that begins with * must stand in quotes\n  a: *-x.com\n     ^"),
        ("a: [x*", "1:4: this [ is not closed\n  a: [x*\n     ^"),
        ("a: {b: [1]\n", "1:4: this { is not closed\n  a: {b: [1]\n     ^"),
        ("a: [1\nb: {}", "2:2: expected , or ] here: the [ in line 1 is still open\n  b: {}\n   ^"),
        ("a: ['b]\n", "1:5: this quotation mark is not closed\n  a: ['b]\n      ^"),
        ("a: [1]]", "1:7: the value ends before this: put all of it in quotes, or take this out\n  a: [1]]\n        ^"),
        ("- 'it's'", "1:7: the value ends before this: put all of it in quotes, or take this out"),
        ("a: - b", "1:4: each - of a list begins a line of its own\n  a: - b\n     ^"),
        ("a: &.b", "1:4: in YAML a text that begins with & must stand in quotes\n  a: &.b\n     ^"),
        ("a:\n   b: 1\n  c: 2", "3:3: expected a key here, indented like one of those above\n    c: 2\n    ^"),
        ("a:\n  - 1\n  b: 2", "3:3: expected a - here, indented like the one in line 2\n    b: 2\n    ^"),
        ("a: http: b", "1:8: unexpected colon: a text that holds one must stand in quotes, and a key begins a line, "),
        ("a: 1\nb\nc: 2", "2:1: expected a colon behind this key\n  b\n  ^"),
        ("a: [%b]", "1:5: in YAML a text that begins with % must stand in quotes\n  a: [%b]\n      ^"),
        ('a: "\\d"', "1:5: in double quotes \\ changes what follows it: use single quotes, or write \\\\\n"),
        ("a: [*.x]", "1:5: in YAML a text that begins with * must stand in quotes\n  a: [*.x]\n      ^"),
        ("a: 1\n\x1b[31m: 2", "2:1: the character U+001B is not allowed\n  \\x1b[31m: 2\n  ^"),
        ("a: \ud800", "1:4: the character U+D800 is not allowed\n  a: \\ud800\n     ^"),
        ("a: 1\nb: 2\na: 3", "3:1: the key 'a' is defined twice, first in line 1\n  a: 3\n  ^"),
        ("12: a\n'12': b", "2:1: the key '12' is defined twice, first in line 1\n  '12': b\n  ^"),
        ("? [a]\n: b", "1:3: a key must be text\n  ? [a]\n    ^"),
        ("a: {b: 1}\nc:\n  <<: {}", "3:3: merge keys (<<) are not supported, write the keys out\n    <<: {}\n    ^"),
        ("a: 1\n--- \nb: 2", "2:1: a second document begins here; a file may hold only one\n  --- \n  ^"),
        ("a: &x [*x]", "1:4: an alias stands inside the value that it repeats\n  a: &x [*x]\n     ^"),
        (DEEP, f"1:43: nested more than 40 levels deep\n  {DEEP}\n  {' ' * 42}^"),
        ("a: !!python/name:os.system", "1:4: the tag 'tag:yaml.org,2002:python/name:os.system' is not allowed"),
        ("a: !mine {}", "1:4: the tag '!mine' is not allowed\n  a: !mine {}\n     ^"),
        ("a: !!set {b}", "1:4: the tag 'tag:yaml.org,2002:set' is not allowed\n  a: !!set {b}\n     ^"),
        ("a: !!int b", "1:4: 'b' is not of its type\n  a: !!int b\n     ^"),
        ("a: !!bool b", "1:4: 'b' is not of its type\n  a: !!bool b\n     ^"),
        ("a: !!float ''", "1:4: '' is not of its type\n  a: !!float ''\n     ^"),
        ("a: .nan", "1:4: expected a finite number, not '.nan'\n  a: .nan\n     ^"),
        ("a: -.inf", "1:4: expected a finite number, not '-.inf'\n  a: -.inf\n     ^"),
    ],
)
def test_not_our_yaml(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, PATH, ANY)
    assert str(caught.value).startswith(f"some.yaml:{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "1:1: expected a mapping, not a list\n  [1]\n  ^"),
        ("hello", "1:1: expected a mapping, not the text 'hello'\n  hello\n  ^"),
        ("redirect_uri: []", "1:1: unknown key 'redirect_uri', did you mean 'redirect_uris'?\n  redirect_uri: []\n  ^"),
        ("Redirect-URIs: []", "1:1: unknown key 'Redirect-URIs', did you mean 'redirect_uris'?"),
        (
            "count: 1\nzzzz: 1",
            (
                "2:1: unknown key 'zzzz' "
                "(known: redirect_uris, count, seconds, enabled, severity, when, entry, named, any)\n  zzzz: 1\n  ^"
            ),
        ),
        ("count: a", "1:8: expected a whole number, not the text 'a'\n  count: a\n         ^"),
        ("count: 0", "1:8: expected 1 or more, not 0\n  count: 0\n         ^"),
        ("count: 10", "1:8: expected 9 or less, not 10\n  count: 10\n         ^"),
        ("seconds: 0", "1:10: expected more than 0, not 0\n  seconds: 0\n           ^"),
        ("seconds:\n", "1:9: expected a number, not nothing\n  seconds:\n          ^"),
        ("enabled: 1", "1:10: expected true or false, not the number 1\n  enabled: 1\n           ^"),
        ("when: on", "1:7: expected text, not true\n  when: on\n        ^"),
        ("redirect_uris: {}", "1:16: expected a list, not a mapping\n  redirect_uris: {}\n                 ^"),
        ("redirect_uris:\n  - a\n  - ''", "3:5: must not be empty\n    - ''\n      ^"),
        (
            "severity: off",
            "1:11: expected one of error, warning, info, not false\n  severity: off\n            ^",
        ),
        (
            "severity: eror",
            (
                "1:11: expected one of error, warning, info, not 'eror', did you mean 'error'?\n  severity: eror\n"
                "            ^"
            ),
        ),
        ("entry: {id: 1}", "1:8: missing key 'name'\n  entry: {id: 1}\n         ^"),
        ("named: {a: 1, B: 2}", "1:15: expected a small word, not 'B'\n  named: {a: 1, B: 2}\n                ^"),
        ("seconds: x\ncount: x", "1:10: expected a number, not the text 'x'\n  seconds: x\n           ^"),
        ("日本: 1", "1:1: unknown key '日本' (known: "),
    ],
)
def test_not_of_the_schema(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, PATH, SCHEMA)
    assert str(caught.value).startswith(f"some.yaml:{message}")


@pytest.mark.parametrize(
    ("text", "column", "shown", "caret"),
    [
        ("{any: 日本語, count: x}", 19, "{any: 日本語, count: x}", 21),
        ("{any: 'e\u0301', count: x}", 20, "{any: 'e\u0301', count: x}", 18),
        ("{any: 1,\tcount: x}", 17, "{any: 1,\\tcount: x}", 17),
        ("{any: '\u202e', count: x}", 19, "{any: '\\u202e', count: x}", 23),
        ("{any: '" + "a" * 200 + "', count: x}", 218, "…" + "a" * 40 + "', count: x}", 51),
        ("{count: x, any: " + "a" * 200 + "}", 9, "{count: x, any: " + "a" * 84 + "…", 8),
        ("{client_secret: hush, count: x}", 30, "{client_secret: ••••, count: x}", 29),
        ("{'password' : \"hu'sh\", count: x}", 31, "{'password' : •••••••, count: x}", 30),
    ],
)
def test_source_line(text: str, column: int, shown: str, caret: int) -> None:
    schema = {"properties": {"count": {"type": "integer"}}}
    with pytest.raises(DocumentError) as caught:
        parse_document(text, PATH, schema)
    head = f"some.yaml:1:{column}: expected a whole number, not the text 'x'"
    assert str(caught.value) == f"{head}\n  {shown}\n  {' ' * caret}^"


@pytest.mark.parametrize(
    ("text", "where", "place"),
    [
        ("when: a and b", ("when",), (1, 13)),
        ("when: 'a and b'", ("when",), (1, 14)),
        ("when: >-\n  a and\n  b", ("when",), (3, 3)),
        ("when: |\n\n    a and b", ("when",), (3, 11)),
        ("when: a\n  and\n  b", ("when",), (3, 3)),
        ("when: |\n  a and b\n", ("when",), (2, 9)),
        ('when: "a \\x61nd b"', ("when",), (1, 7)),
        ("x: [{when: a and b}]", ("x", 0, "when"), (1, 18)),
        ("x: [{when: a and b}]", ("x", 1, "when"), (1, 4)),
        ("", ("x",), (1, 1)),
    ],
)
def test_place_inside_an_expression(text: str, where: Where, place: tuple[int, int]) -> None:
    error = parse_document(text, PATH, ANY).error(where, "here", offset=6)
    assert (error.line, error.column, error.problem) == (*place, "here")


def test_values_by_their_way() -> None:
    document = parse_document("a: [{b: 0123}]\nc: {d: 1}", PATH, ANY)
    assert document.value(("a", 0, "b")) == 83
    assert document.spelling(("a", 0, "b")) == "0123"
    assert document.value(("a", 1, "b")) is None
    assert document.value(("c", "d", "e")) is None
    assert document.spelling(("c",)) is None
    assert document.error(("c", "d"), "here", of_key=True).column == 5


def test_aliases_do_not_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(DocumentError, match=r"some\.yaml:6:5: too large once its aliases are written out"):
        parse_document("\n".join(lines), PATH, SCHEMA)


def test_aliases_do_not_deepen() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2000))]
    with pytest.raises(DocumentError, match="too large once its aliases are written out"):
        parse_document("\n".join(lines), PATH, SCHEMA)


@pytest.mark.parametrize("levels", [41, 400, 900, 1_000, 3_000, 5_000, 20_000, 200_000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ("{a: ", "}"), ("[", "")], ids=["lists", "maps", "unclosed"])
def test_nesting_does_not_overflow(begin: str, end: str, levels: int) -> None:
    text = begin * levels + end * levels
    column = len(begin) * 40 + 1
    with pytest.raises(DocumentError, match=rf"some\.yaml:1:{column}: nested more than 40 levels deep"):
        parse_document(text, PATH, SCHEMA)


def test_nor_does_it_without_compiled_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_LOADER", yaml.SafeLoader)
    with pytest.raises(DocumentError, match=r"some\.yaml:1:41: nested more than 40 levels deep"):
        parse_document("[" * 3_001 + "]" * 3_001, PATH, SCHEMA)


@pytest.mark.parametrize("levels", [50, 900, 5_000])
def test_nor_does_a_key_that_is_nested(levels: int) -> None:
    with pytest.raises(DocumentError, match=r"a key must be text|nested more than 40 levels deep"):
        parse_document("? " + "[" * levels + "]" * levels + "\n: x", PATH, SCHEMA)


def test_many_mistakes_are_as_quick_as_one() -> None:
    text = "\n".join(f"key{n}: 1" for n in range(20_000))
    with pytest.raises(DocumentError, match=r"some\.yaml:1:1: unknown key 'key0'"):
        parse_document(text, PATH, SCHEMA)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a: 1\nb: \xff", "2:4: byte xFF is not UTF-8"),
        ("a: 1".encode("utf-16"), "1:1: this is UTF-16: save it as UTF-8"),
    ],
)
def test_bad_bytes(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(raw)
    with pytest.raises(DocumentError) as caught:
        load_document(path, ANY)
    assert str(caught.value).startswith(f"{path}:{message}")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("none.yaml", "No such file or directory"), (".", "Is a directory"), ("a\0b", "embedded null")],
)
def test_unreadable(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_document(tmp_path / name, ANY)
    assert str(caught.value).startswith(f"{visible(str(tmp_path / name))}:1:1: cannot be read: {problem}")


def test_an_error_survives_pickling() -> None:
    error = DocumentError("a.yaml", 2, 3, "wrong", "a: b")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own, as a process pool hands it over)
    assert str(again) == str(error) == "a.yaml:2:3: wrong\n  a: b\n    ^"


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("redirect_uri", "redirect_uris"),
        ("CLIENT-ID", "client_id"),
        ("clientid", "client_id"),
        ("zz", None),
        ("", None),
    ],
)
def test_nearest(word: str, near: str | None) -> None:
    assert nearest(word, ["redirect_uris", "client_id"]) == near


def test_wording() -> None:
    assert unknown("fact", "x", []) == "unknown fact 'x'"
    assert quoted("a" * 1_000_000) == "'" + "a" * 99 + "…'"
    assert quoted(12) == "12"
    assert visible("a\x1b\u200b\ud800é日") == "a\\x1b\\u200b\\ud800é日"


def test_data_files_are_found() -> None:
    assert data_file("config.schema.json").is_file()


@given(st.text() | st.text(alphabet="ab: -[]{}&*!|>'\"\n\t#,?<~0.", max_size=60))
@example("a: !!int 1:")
@example("!!map [")
@example("%YAML 3.0\n---\n")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        document = parse_document(text, PATH, SCHEMA)
    except DocumentError as error:
        assert visible(str(error).replace("\n", "")) == str(error).replace("\n", "")
    else:
        assert isinstance(document.data, dict)


@given(st.binary())
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    try:
        load_document(path, ANY)
    except DocumentError as error:
        assert error.line >= 1 <= error.column


@pytest.mark.parametrize(
    ("text", "column"),
    [("{12: {count: x}}", 14), ("{012: {count: x}}", 15), ("{012: {}, 12: {count: x}}", 23), ("{+1: {count: x}}", 14)],
)
def test_a_key_that_looks_like_a_number(text: str, column: int) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, PATH, {"additionalProperties": {"properties": {"count": {"type": "integer"}}}})
    assert caught.value.column == column
