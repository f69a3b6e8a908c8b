"""YAML's events as a tree of bounded depth, and what a plain scalar means by YAML 1.2's core schema."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.values import Raw

MAX_DEPTH = 50

Place = tuple[int, int]
"""Line and column, counted from 1."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Mapping[str, Raw] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 1000


@dataclass(eq=False)
class Scalar:
    """A text; a `plain` one stands without quotes and may mean something else."""

    place: Place
    text: str
    plain: bool


@dataclass(eq=False)
class Collection:
    """A list's items, or a mapping's keys and values in turn."""

    place: Place
    is_mapping: bool
    items: list["Scalar | Collection | Alias"] = field(default_factory=list)
    closed: bool = False


@dataclass(eq=False)
class Alias:
    """A place where something written before stands again."""

    place: Place
    target: Scalar | Collection


Node = Scalar | Collection | Alias


class Tree:
    """One document, put together without recursion, so that depth is bounded before it can hurt.

    Raises ConfigError for what cannot be read at all, and yaml.YAMLError for bad syntax; tags are noted in `problems`.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.size = 0
        self.problems: list[Problem] = []
        self._open: list[Collection] = []
        self._anchors: dict[str, Scalar | Collection] = {}
        for event in yaml.parse(text, Loader=_LOADER):
            self._take(event)

    def _take(self, event: yaml.Event) -> None:
        place = (event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else (1, 1)
        match event:
            case yaml.DocumentStartEvent() if self.root is not None:
                hint = "Put the second job in a file of its own."
                refuse("a job file is one YAML document", self.file, place, "'---'", hint)
            case yaml.ScalarEvent():
                self._add(self._named(event, Scalar(place, event.value, plain=event.implicit[0])))
            case yaml.AliasEvent():
                self._add(Alias(place, self._target(str(event.anchor), place)))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                node = Collection(place, isinstance(event, yaml.MappingStartEvent))
                self._add(self._named(event, node))
                self._open.append(node)
                if len(self._open) > MAX_DEPTH:
                    refuse(f"nested more than {MAX_DEPTH} deep", self.file, place)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop().closed = True

    def _add(self, node: Node) -> None:
        self.size += 1
        if self._open:
            self._open[-1].items.append(node)
        else:
            self.root = node

    def _named(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, node: Scalar | Collection) -> Node:
        if event.tag is not None:
            line, column = node.place
            message = f"the tag {event.tag.replace('tag:yaml.org,2002:', '!!')} is not allowed"
            self.problems.append(Problem(message, file=self.file, line=line, column=column, hint="Leave it out."))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _target(self, anchor: str, place: Place) -> Scalar | Collection:
        target = self._anchors.get(anchor)
        if target is None:
            refuse(f"*{anchor} names nothing", self.file, place, hint=f"Name a value by &{anchor} before it.")
        if isinstance(target, Collection) and not target.closed:
            refuse(f"*{anchor} stands inside what it names", self.file, place)
        return target


def core_scalar(text: str) -> Raw:
    """What a plain scalar means: `on` is text, `010` is ten, a date is text. ValueError for too long a number."""
    if text in _WORDS:
        return _WORDS[text]
    if _DECIMAL.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise ValueError(f"a number of {len(text)} digits")
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return int(text[2:], 16)
    return float(text) if _FLOAT.fullmatch(text) else text


def refuse(message: str, file: str, place: Place, found: str = "", hint: str = "") -> NoReturn:
    """Raise the ConfigError of what keeps a file from being read at all."""
    raise ConfigError(Problem(message, file=file, line=place[0], column=place[1], found=found, hint=hint))
