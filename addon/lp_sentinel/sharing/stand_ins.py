"""Stand-ins for secrets: as long, of the same kinds of characters, equal where the secrets are equal.

What rules compare survives: a truncated state gets a truncated stand-in, one in other letter case the same in that
case, one that is encoded once more or has ``+`` for space likewise. The key is random and never written.
"""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import IntEnum
from hashlib import blake2b

from lp_sentinel.drawn import is_drawn
from lp_sentinel.landing import ERROR_CODES
from lp_sentinel.memory import Ageing
from lp_sentinel.sharing.spelling import spell
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.uri import CACHED_LENGTH

_INDEXED = 6
"""Characters: shorter secrets are replaced where they are expected, and not looked for elsewhere."""
_MOST_TRIES, _FEW_TRIES = 1000, 60
"""To make a stand-in that no other secret has; and where nearly all are known to be taken."""
_LONGEST_CROWDED = 4
"""Characters: of longer texts there are always enough."""
_LONGEST_TRUNCATED = 1 << 10
_HEX = re.compile(r"[0-9a-f]*")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FOREIGN = {1: 0xDCA1, 2: 0x0250, 3: 0x3042, 4: 0x12000}
"""For what is not ASCII, by how many bytes it takes: no valid UTF-8, phonetic letters, hiragana, cuneiform.

From there on 80 characters are nothing that a terminal acts on, and have no letter case that ASCII has.
"""
_MANY = 80
_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)} | {ord("+"): ord(" ")}
_WORD = re.compile(r"[0-9A-Za-z_\-\x80-\U0010ffff]+")
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_SHORTEST_TOKEN, _SHORTEST_NUMBER, _SHORTEST_MIXED, _LONGEST_WORD = 8, 10, 20, 32
_FEWEST_DIGITS = 2
_MOST_DONE = 10_000
"""Texts of which it is kept what became of them."""

_VOCABULARY = {
    "undefined", "null", "none", "nan", "[object object]", "true", "false", "code", "token", "bearer", "basic",
    "authorization_code", "refresh_token", "iso-8859-1", "iso-8859-15", "windows-1252", *ERROR_CODES,
}  # fmt: skip
"""Values that are nobody's secret: nothing, in the words of programs, and the words of the protocol."""


class Weight(IntEnum):
    """How sure it is that a value is secret."""

    WORD = 1
    """It may be an everyday word: looked for elsewhere as a whole word only."""
    TOKEN = 2
    """It looks like a token."""
    NAMED = 3
    """It is what a secret's name stands before: that it is known to be harmless elsewhere doesn't count."""


class StandIns:
    """Gives each secret its stand-in. First all are noted, then it is sealed, then they are replaced."""

    def __init__(self, harmless: Iterable[str] = ()) -> None:
        """``harmless`` are values that are never replaced: what the project's config registers."""
        self._key = secrets.token_bytes(32)
        self._always = _VOCABULARY | {folded(value) for value in harmless}
        self._spared = set(self._always)
        self._weights: dict[str, Weight] = {}
        self._states: set[str] = set()
        self._chained: set[str] = set()
        """States and what they begin with: their stand-ins begin alike."""
        self._index: dict[str, dict[int, set[str]]] = {}
        """Secrets by how they begin and by their length, the longest first."""
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()
        self._crowded: set[str] = set()
        """Forms of short texts of which all stand-ins but a few are taken: to look for one of these takes long."""
        self._done: Ageing[tuple[str, str, bool], str] = Ageing(_MOST_DONE)
        self.is_sealed = False
        self.replaced: defaultdict[str, set[str]] = defaultdict(set)
        """By kind of place: which secrets were replaced there."""

    # Noting

    def spare(self, raw: str) -> None:
        """Note a value that is known to be harmless."""
        if not self.is_sealed:
            self._spared.add(folded(spell(raw).plain))

    def _note(self, plain: str, weight: Weight, *, is_state: bool) -> None:
        key = folded(plain)
        if _is_left(plain) or _is_left(plain.replace("+", " ")):
            self._always.add(key)
            return
        if is_state:
            self._states.add(key)
        self._weights[key] = max(weight, self._weights.get(key, weight))

    def seal(self) -> None:
        """All are noted; from now on they are replaced."""
        self._spared -= {
            key for key, weight in self._weights.items() if weight is Weight.NAMED and key not in self._states
        }
        self._spared |= self._always
        self._spared |= self._beginnings(self._states & self._spared) & self._states
        self._taken |= self._spared
        for key in sorted(self._weights, key=len, reverse=True):
            if len(key) >= _INDEXED and key not in self._spared:
                self._index.setdefault(key[:_INDEXED], {}).setdefault(len(key), set()).add(key)
        self.is_sealed = True
        self._chained = self._beginnings(self._states) | self._states
        for key in sorted(self._chained, key=lambda key: (len(key), key)):
            if key not in self._spared:
                self._know(key, [])

    def _beginnings(self, states: Collection[str]) -> set[str]:
        """What was noted that one of ``states`` begins with: maybe that state, truncated."""
        return {
            state[:length]
            for state in states
            for length in range(1, min(len(state), _LONGEST_TRUNCATED))
            if state[:length] in self._weights
        }

    def _begun(self, key: str) -> str:
        """The stand-in of the longest known secret that this state, or beginning of one, begins with."""
        if key not in self._chained:
            return ""
        lengths = range(min(len(key), _LONGEST_TRUNCATED) - 1, 0, -1)
        return next((self._known[key[:length]] for length in lengths if key[:length] in self._known), "")

    # Replacing

    def secret(self, raw: str, kind: str, weight: Weight = Weight.NAMED, *, is_state: bool = False) -> str:
        """A value that is secret as a whole."""
        spelling = spell(raw)
        if not self.is_sealed:
            self._note(spelling.plain, weight, is_state=is_state)
            return raw
        return spelling.respell(self._stand_in(spelling.plain, kind))

    def text(self, raw: str, kind: str, *, is_open: bool = False) -> str:
        """A text without the secrets in it: known ones and all words, or with ``is_open`` those that look like tokens.

        An open text is one that is known to be harmless but for what does not belong there.
        """
        if not self.is_sealed:
            return raw
        done = self._done.get((raw, kind, is_open))
        if done is None:
            spelling = spell(raw)
            done = spelling.respell(self._text(spelling.plain, kind, is_open=is_open))
            if len(raw) <= CACHED_LENGTH:  # what comes again and again is short, such as a header
                self._done[raw, kind, is_open] = done
        return done

    def _text(self, plain: str, kind: str, *, is_open: bool) -> str:
        if folded(plain) in self._spared:
            return plain
        pieces: list[str] = []
        at = 0
        for start, end in [*self._occurrences(plain), (len(plain), len(plain))]:
            pieces += self._words(plain[at:start], kind, is_open=is_open), self._stand_in(plain[start:end], kind)
            at = end
        return "".join(pieces)

    def _words(self, plain: str, kind: str, *, is_open: bool) -> str:
        return _WORD.sub(
            lambda word: word[0] if is_open and not looks_like_token(word[0]) else self._stand_in(word[0], kind), plain
        )

    def _know(self, key: str, inner: list[tuple[int, int]]) -> str:
        made = self._known[key] = self._made(key, inner)
        self._taken.add(made)
        return made

    def _occurrences(self, plain: str, beside: str = "") -> Iterator[tuple[int, int]]:
        """Where known secrets stand in a text, but for the one that it is itself."""
        key, at, begun = folded(plain), 0, self._index.get
        last = len(key) - _INDEXED
        while at <= last:
            if (lengths := begun(key[at : at + _INDEXED])) and (end := self._ends(key, at, lengths, beside)):
                yield at, end
                at = end
            else:
                at += 1

    def _ends(self, key: str, at: int, lengths: Mapping[int, Collection[str]], beside: str) -> int:
        """Where the longest known secret ends that begins at ``at``; 0 if none does."""
        for length, known in lengths.items():
            end = at + length
            secret = key[at:end]
            if (
                secret in known
                and secret != beside
                and (self._weights[secret] > Weight.WORD or not (_joins(key, at) or _joins(key, end)))
            ):
                return end
        return 0

    def _stand_in(self, plain: str, kind: str) -> str:
        key = folded(plain)
        if key in self._spared:
            return plain
        known = self._known.get(key)
        if known is None:
            if not any(map(_is_replaced, key)):
                return plain
            known = self._know(key, list(self._occurrences(plain, beside=key)))
        self.replaced[kind].add(key)
        return known if plain == key else "".join(_cased(old, new) for old, new in zip(plain, known, strict=True))

    def _made(self, key: str, inner: list[tuple[int, int]]) -> str:
        """A stand-in that no other secret has; the known secrets within it keep theirs."""
        made, begun, form = key, self._begun(key), _form(key)
        for attempt in range(_FEW_TRIES if form in self._crowded else _MOST_TRIES):
            made = begun + self._scrambled(key, attempt)[len(begun) :]
            for start, end in inner:
                made = made[:start] + folded(self._stand_in(key[start:end], "secrets within others")) + made[end:]
            is_alike = _HEX.fullmatch(key) is not None or _HEX.fullmatch(made) is None
            if made not in self._taken and made != key and is_alike:
                return made
        if form:
            self._crowded.add(form)
        return made if key in self._taken else key  # of ten digits the last one may be left with itself

    def _scrambled(self, key: str, attempt: int) -> str:
        letters = _LETTERS[:6] if _HEX.fullmatch(key) else _LETTERS
        return "".join(
            _scrambled(char, byte, letters) for char, byte in zip(key, self._noise(key, attempt), strict=False)
        )

    def _noise(self, key: str, attempt: int) -> bytes:
        """A byte at least for each character."""
        base = blake2b(key.encode("utf-8", "surrogatepass"), key=self._key, salt=attempt.to_bytes(8)).digest()
        if len(key) <= len(base):
            return base
        blocks = range(len(key) // len(base) + 1)
        return b"".join(blake2b(base, key=self._key, salt=block.to_bytes(8)).digest() for block in blocks)


def folded(text: str) -> str:
    """What is left of a text when ASCII letter case, and whether a space is written as ``+``, do not matter."""
    return text.translate(_TO_LOWER)


def _is_left(text: str) -> bool:
    """Whether another tool left this in place of a secret, and nothing of that: it must go on looking like that."""
    return is_taken_out(text) and not any(map(looks_like_token, _BETWEEN_WORDS.split(text)))


def looks_like_token(text: str) -> bool:
    """Whether a word had better be replaced: what was drawn, and what a report shows as it may just be a word.

    Of base64url texts of 8 characters that is three in four instead of two in three.
    """
    if is_drawn(text):
        return True
    if len(text) < (_SHORTEST_NUMBER if text.isdigit() else _SHORTEST_TOKEN):
        return False
    if sum(map(str.isdigit, text)) >= _FEWEST_DIGITS or len(text) >= _LONGEST_WORD:
        return True
    return len(text) >= _SHORTEST_MIXED and not (text.islower() or text.isupper() or "-" in text or "_" in text)


def _is_replaced(char: str) -> bool:
    return char.isalnum() or char > "\x7f"


def _joins(text: str, at: int) -> bool:
    """Whether the characters before and at ``at`` are both of a word."""
    return 0 < at < len(text) and _is_replaced(text[at - 1]) and _is_replaced(text[at])


def _form(key: str) -> str:
    """What a short text has in common with all that may have the same stand-ins; empty for a longer one."""
    if len(key) > _LONGEST_CROWDED:
        return ""
    letter = "f" if _HEX.fullmatch(key) else "z"
    return "".join(
        chr(_FOREIGN[_size(char)]) if char > "\x7f" else "0" if char.isdigit() else letter if char.isalpha() else char
        for char in key
    )


def _scrambled(char: str, byte: int, letters: str) -> str:
    if char > "\x7f":
        return chr(_FOREIGN[_size(char)] + (ord(char) + byte) % _MANY)
    if char.isdigit():
        return str((int(char) + byte) % 10)
    return letters[byte % len(letters)] if char.isalpha() else char


def _size(char: str) -> int:
    """The bytes of UTF-8 that it takes; one for a lone surrogate that stands for a byte."""
    return 1 if "\udc80" <= char <= "\udcff" else len(char.encode("utf-8", "surrogatepass"))


def _cased(old: str, new: str) -> str:
    """A character of a stand-in in the letter case of the one it replaces; what stands between words stays."""
    if not _is_replaced(old):
        return old
    return new.upper() if "A" <= old <= "Z" else new
