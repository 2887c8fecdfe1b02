"""Rule files: loaded, checked to the last name in an expression, and put into the order in which they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from lp_sentinel.documents.document import Document, Where
from lp_sentinel.facts import MOMENTS
from lp_sentinel.finding import Hop, Severity
from lp_sentinel.rules.expression import Compiler, Mention
from lp_sentinel.rules.files import rule_documents, with_examples
from lp_sentinel.rules.function import Function, any_of
from lp_sentinel.rules.syntax import ExpressionError, Term, all_of, value_or
from lp_sentinel.wording import quoted, unknown

type Template = tuple[str | int, ...]
"""Texts, and between them places in what ``Words.values`` gives."""


class Words(NamedTuple):
    """What a rule says when it fires."""

    values: Function
    """What stands in the holes of the templates; ``None`` where it is not known."""
    parameter: Template | None
    message: Template
    expected: Template
    evidence: Mapping[str, int]
    """Places in what ``values`` gives."""


class LazyWords:
    """The words of a rule, read when they are first asked for, or before it is handed to another process."""

    def __init__(self, read: Callable[[], Words]) -> None:
        self._read = read

    @cached_property
    def words(self) -> Words:
        return self._read()

    def __reduce__(self) -> tuple[Callable[..., LazyWords], tuple[object, ...]]:
        return _read_before, (self.words,)


def _read_before(words: Words) -> LazyWords:
    return LazyWords(lambda: words)


class Example(NamedTuple):
    """A small capture in which a rule must or must not fire."""

    document: Document
    where: Where

    @property
    def data(self) -> Mapping[str, Any]:
        entry: Mapping[str, Any] = self.document.value(self.where)
        return entry

    @property
    def place(self) -> str:
        """``file:line``."""
        return _place(self.document, self.where)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """A rule as its file has it. The functions take the moment's facts, what has fired, and the element."""

    id: str
    name: str
    severity: Severity
    summary: str
    given: str
    hop: Hop | None
    """``None``: told from ``given``."""
    why: str
    fix: str
    cite: tuple[str, ...]
    yields_to: frozenset[str]
    tags: tuple[str, ...]

    fires: Function = field(repr=False)
    """Whether ``when`` is certainly true and ``expect`` certainly false."""
    elements: Function | None = field(repr=False)
    """What ``each`` runs through."""
    lazy_words: LazyWords = field(repr=False)
    """What it says. Of a rule that has been tried before that is read only when it fires."""

    mentions: tuple[tuple[Where, Mention], ...] = field(repr=False)
    """What rules its expressions ask about, each with the way to the expression."""
    document: Document = field(repr=False)
    where: Where = field(repr=False)

    @property
    def words(self) -> Words:
        return self.lazy_words.words

    @property
    def is_error(self) -> bool:
        """By its default severity, whatever a project's config makes of it."""
        return self.severity == "error"

    @property
    def place(self) -> str:
        """``file:line``."""
        return _place(self.document, self.where)

    @property
    def good(self) -> tuple[Example, ...]:
        """Examples in which it must not fire. They are read when asked for, and may raise ``DocumentError``."""
        return _examples(self, "good")

    @property
    def bad(self) -> tuple[Example, ...]:
        """Examples in which it must fire, likewise."""
        return _examples(self, "bad")


class RuleBook:
    """Rules by their ids, and in the order in which they are asked at each moment."""

    __slots__ = ("by_id", "given", "may_fire")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Raises ``DocumentError`` for an id that is defined twice, or is spoken of and unknown."""
        by_id: dict[str, Rule] = {}
        for rule in rules:
            if earlier := by_id.get(rule.id):
                raise rule.document.error((*rule.where, "id"), f"{rule.id} is defined twice, first in {earlier.place}")
            by_id[rule.id] = rule
        for rule in by_id.values():
            _check_ids(rule, by_id)
        ordered = _in_order(by_id)
        self.by_id: Mapping[str, Rule] = by_id
        self.given: Mapping[str, tuple[Rule, ...]] = {
            moment: tuple(rule for rule in ordered if rule.given == moment) for moment in MOMENTS
        }
        self.may_fire: Mapping[str, Function] = {
            moment: any_of(moment, (rule.elements or rule.fires for rule in rules))
            for moment, rules in self.given.items()
        }
        """Whether any rule of a moment may, by the facts and what has fired so far: nearly always none does."""

    def judges_answer(self, rule: str) -> bool:
        """Whether a rule is about what was answered, and not about what was asked; false if there is none such."""
        return rule in self.by_id and self.by_id[rule].given in ("answer", "landing")


def load_rules(paths: Iterable[Path] = ()) -> RuleBook:
    """The built-in rules, and those of ``paths``: files, or folders of them. Raises ``DocumentError``."""
    return RuleBook(rule for document in rule_documents(paths) for rule in read_rules(document))


def read_rules(document: Document) -> Iterator[Rule]:
    """The rules of a file that its schema found in order. Raises ``DocumentError`` for what a schema cannot tell."""
    return (_rule(document, index) for index in range(len(document.data)))


def _rule(document: Document, index: int) -> Rule:
    entry = document.data[index]
    reading = _Reading(document, index)
    elements, fires, lazy_words = reading.elements(), reading.fires(), LazyWords(reading.words)
    if not document.was_tried:
        _ = lazy_words.words
    return Rule(
        id=entry["id"],
        name=entry["name"],
        severity=entry["severity"],
        summary=entry["summary"],
        given=entry["given"],
        hop=entry.get("hop"),
        why=entry["why"].strip(),
        fix=entry["fix"].strip(),
        cite=tuple(entry["cite"]),
        yields_to=frozenset(entry.get("yields_to", ())),
        tags=tuple(entry.get("tags", ())),
        fires=fires,
        elements=elements,
        lazy_words=lazy_words,
        mentions=tuple(reading.mentions),
        document=document,
        where=(index,),
    )


class _Reading:
    """A rule whose expressions are being checked and compiled."""

    def __init__(self, document: Document, index: int) -> None:
        self._document, self._index = document, index
        self._entry: Mapping[str, Any] = document.data[index]
        self._compiler = Compiler(self._entry["given"])
        self.mentions: list[tuple[Where, Mention]] = []
        """In what has been read so far."""

    def elements(self) -> Function | None:
        """To be asked for before all else: it says what the element is called."""
        entry, compiler = self._entry, self._compiler
        if "each" not in entry:
            return None
        with self._at("each"):
            return compiler.function(value_or(compiler.each(entry["each"]), compiler.empty))

    def fires(self) -> Function:
        entry, compiler = self._entry, self._compiler
        with self._at("when"):
            applies = compiler.proof(str(entry.get("when", True)), of=True)
        with self._at("expect"):
            fails = compiler.proof(str(entry["expect"]), of=False)
        return compiler.function(all_of(applies, fails))

    def words(self) -> Words:
        entry, compiler, holes = self._entry, self._compiler, list[Term]()
        templates: dict[str, Template] = {}
        for key in ("parameter", "message", "expected"):
            with self._at(key):
                templates[key] = compiler.template(entry.get(key, ""), holes)
        places: dict[str, int] = {}
        for name, expression in entry.get("evidence", {}).items():
            with self._at("evidence", name):
                places[name] = len(holes)
                holes.append(compiler.value(expression))
        values = compiler.function(compiler.values(holes))
        return Words(values, templates["parameter"] or None, templates["message"], templates["expected"], places)

    @contextmanager
    def _at(self, *inside: str) -> Iterator[None]:
        """Where the expression stands that is compiled meanwhile."""
        where: Where = (self._index, *inside)
        try:
            yield
        except ExpressionError as error:
            raise self._document.error(where, error.problem, offset=error.offset) from None
        self.mentions += [(where, mention) for mention in self._compiler.mentions]
        self._compiler.mentions.clear()


def _examples(rule: Rule, key: str) -> tuple[Example, ...]:
    document, where = with_examples(rule.document), (*rule.where, key)
    return tuple(Example(document, (*where, index)) for index in range(len(document.value(where))))


def _check_ids(rule: Rule, by_id: Mapping[str, Rule]) -> None:
    for index, other in enumerate(rule.document.value((*rule.where, "yields_to")) or ()):
        if other not in by_id:
            raise rule.document.error((*rule.where, "yields_to", index), unknown("rule", other, by_id))
    for where, mention in rule.mentions:
        if not any(map(mention.means, by_id)):
            what = "prefix of rules" if mention.is_prefix else "rule"
            raise rule.document.error(where, unknown(what, mention.text, by_id), offset=mention.offset)


def _in_order(by_id: Mapping[str, Rule]) -> list[Rule]:
    """As their files have them, but for those that ask whether a rule of the same moment fired: they come after it."""
    ordered: dict[str, Rule] = {}

    def place(rule: Rule, waiting: tuple[str, ...]) -> None:
        if rule.id in ordered:
            return
        for where, mention in rule.mentions:
            for other in by_id.values():
                if other.given == rule.given and other is not rule and mention.means(other.id):
                    if other.id in waiting:
                        problem = f"{rule.id} and {quoted(other.id)} each ask whether the other one has fired"
                        raise rule.document.error(where, problem, offset=mention.offset)
                    place(other, (*waiting, rule.id))
        ordered[rule.id] = rule

    for rule in by_id.values():
        place(rule, ())
    return list(ordered.values())


def _place(document: Document, where: Where) -> str:
    return f"{document.path}:{document.error(where, '').line}"
