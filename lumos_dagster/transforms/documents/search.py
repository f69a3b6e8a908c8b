"""JMESPath (https://jmespath.org/specification.html) in many documents at once: each step of a path is taken in all."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from typing import Any, TypeAlias

import jmespath
import numpy as np
import pyarrow.compute as pc
from jmespath.exceptions import JMESPathError

from lumos_dagster.conversion.kinds import Array
from lumos_dagster.transforms.documents.arguments import why_no_call
from lumos_dagster.transforms.documents.comparing import classes, less
from lumos_dagster.transforms.documents.functions import call
from lumos_dagster.transforms.documents.grammar import Flags, Places
from lumos_dagster.transforms.documents.values import FALSE, NULL, TRUE, Documents, Is

Node: TypeAlias = Mapping[str, Any]
"""A part of a path, as the library parses it."""


class Path:
    """A JMESPath. ValueError for a text that is none, or that calls a function which is not there."""

    def __init__(self, text: str) -> None:
        try:
            self.parsed: Node = jmespath.compile(text).parsed
        except JMESPathError as error:
            raise ValueError(f"{text!r} is no JMESPath: {' '.join(str(error).split())}") from error
        nodes = list(_nodes(self.parsed))
        wrong = [why for why in map(_why_not, nodes) if why]
        if wrong:
            raise ValueError(f"{text!r} is no JMESPath: {'; '.join(wrong)}")
        self._constants = list(dict.fromkeys(_spelled(node) for node in nodes if node["type"] == "literal"))

    def search(self, texts: Array) -> tuple[Documents, Places, Flags]:
        """What the path leads to in each text, and where it fails: no JSON, or a function that cannot take a value."""
        documents, roots, constants, bad = Documents.read(texts, self._constants)
        search = _Search(documents, dict(zip(self._constants, constants, strict=True)), bad)
        found = search.value(self.parsed, roots, np.arange(len(roots)))
        return documents, np.where(bad, NULL, found), bad


class _Search:
    """One path in some documents. `at` are values that a part of the path is looked for in, `rows` their texts."""

    def __init__(self, documents: Documents, constants: Mapping[str, int], bad: Flags) -> None:
        self._documents = documents
        self._constants = constants
        self._bad = bad

    def value(self, node: Node, at: Places, rows: Places) -> Places:
        """What the path leads to from each value."""
        return _STEPS[node["type"]](self, node, at, rows) if len(at) else at

    def _here(self, node: Node, at: Places, rows: Places) -> Places:
        return at

    def _field(self, node: Node, at: Places, rows: Places) -> Places:
        return self._documents.member(at, node["value"])

    def _index(self, node: Node, at: Places, rows: Places) -> Places:
        return self._documents.item(at, node["value"])

    def _literal(self, node: Node, at: Places, rows: Places) -> Places:
        return np.full(len(at), self._constants[_spelled(node)])

    def _one_after_the_other(self, node: Node, at: Places, rows: Places) -> Places:
        return reduce(lambda found, part: self.value(part, found, rows), node["children"], at)

    def _either(self, node: Node, at: Places, rows: Places, *, second_if_false: bool) -> Places:
        first, second = node["children"]
        found = self.value(first, at, rows).copy()
        second_counts = self._are_false(found) == second_if_false
        found[second_counts] = self.value(second, at[second_counts], rows[second_counts])
        return found

    def _not(self, node: Node, at: Places, rows: Places) -> Places:
        return np.where(self._are_false(self._one_after_the_other(node, at, rows)), TRUE, FALSE)

    def _are_false(self, at: Places) -> Flags:
        """Null, false, and all that is empty."""
        documents = self._documents
        false = documents.are(at, Is.NULL, Is.FALSE)
        false |= documents.are(at, Is.LIST, Is.OBJECT) & (documents.sizes[at] == 0)
        strings = documents.are(at, Is.STRING)
        if strings.any():
            lengths: Array = pc.binary_length(documents.text_of(at[strings]))
            false[strings] = lengths.to_numpy(zero_copy_only=False) == 0
        return false

    def _project(self, node: Node, at: Places, rows: Places, *, held_by: Is) -> Places:
        documents = self._documents
        left, right, *condition = node["children"]
        base = self.value(left, at, rows)
        found = np.full(len(base), NULL)
        which = documents.are(base, held_by)
        owners, members = documents.contents(base[which])
        rows = rows[which][owners]
        if condition:
            kept = ~self._are_false(self.value(condition[0], members, rows))
            owners, members, rows = owners[kept], members[kept], rows[kept]
        members = self.value(right, members, rows)
        kept = ~documents.are(members, Is.NULL)
        found[which] = documents.lists(int(which.sum()), owners[kept], members[kept])
        return found

    def _flatten(self, node: Node, at: Places, rows: Places) -> Places:
        documents = self._documents
        base = self._one_after_the_other(node, at, rows)
        found = np.full(len(base), NULL)
        which = documents.are(base, Is.LIST)
        owners, members = documents.contents(base[which])
        lists = documents.are(members, Is.LIST)
        inside, inner = documents.contents(members[lists])
        outer = np.concatenate([np.flatnonzero(~lists), np.flatnonzero(lists)[inside]])
        order = np.argsort(outer, kind="stable")
        merged = np.concatenate([members[~lists], inner])[order]
        found[which] = documents.lists(int(which.sum()), owners[outer[order]], merged)
        return found

    def _slice(self, node: Node, at: Places, rows: Places) -> Places:
        documents = self._documents
        start, stop, step = node["children"]
        found = np.full(len(at), NULL)
        which = documents.are(at, Is.LIST)
        sizes = documents.sizes[at[which]]
        step = step or 1
        least, most = (0, sizes) if step > 0 else (-1, sizes - 1)

        def bound(given: int | None, default: Places | int) -> Places | int:
            return default if given is None else np.clip(given + (sizes if given < 0 else 0), least, most)

        first, end = (bound(start, least), bound(stop, most)) if step > 0 else (bound(start, most), bound(stop, least))
        how_many = np.maximum(-((first - end) // step), 0)
        owners = np.repeat(np.arange(len(sizes)), how_many)
        nth = np.arange(len(owners)) - (np.cumsum(how_many) - how_many)[owners]
        places = (documents.starts[at[which]] + first)[owners] + nth * step
        found[which] = documents.lists(len(sizes), owners, documents.members[places])
        return found

    def _select(self, node: Node, at: Places, rows: Places) -> Places:
        documents = self._documents
        found = np.full(len(at), NULL)
        there = ~documents.are(at, Is.NULL)
        parts = node["children"]
        members = np.stack([self.value(part, at[there], rows[there]) for part in parts], axis=1)
        owners = np.repeat(np.arange(len(members)), len(parts))
        if node["type"] == "multi_select_list":
            found[there] = documents.lists(len(members), owners, members.ravel())
        else:
            keys = np.tile([documents.named(part["value"]) for part in parts], len(members))
            found[there] = documents.objects(len(members), owners, members.ravel(), keys)
        return found

    def _compare(self, node: Node, at: Places, rows: Places) -> Places:
        documents = self._documents
        comparator = node["value"]
        left, right = (self.value(part, at, rows) for part in node["children"])
        if comparator in ("eq", "ne"):
            both = classes(documents, np.concatenate([left, right]))
            equal = both[: len(left)] == both[len(left) :]
            return np.where(equal == (comparator == "eq"), TRUE, FALSE)
        have_order = documents.are(left, Is.NUMBER, Is.STRING) & documents.are(right, Is.NUMBER, Is.STRING)
        comparable = have_order & (documents.kinds[left] == documents.kinds[right])
        self._bad[rows[have_order & ~comparable]] = True
        holds = less(documents, left, right) if comparator in ("lt", "gte") else less(documents, right, left)
        if comparator in ("gte", "lte"):
            holds = ~holds
        return np.where(comparable, np.where(holds, TRUE, FALSE), NULL)

    def _call(self, node: Node, at: Places, rows: Places) -> Places:
        arguments = [
            partial(self.value, part["children"][0]) if part["type"] == "expref" else self.value(part, at, rows)
            for part in node["children"]
        ]
        return call(node["value"], self._documents, arguments, rows, self._bad)


_STEPS: Mapping[str, Callable[[_Search, Node, Places, Places], Places]] = {
    "identity": _Search._here,
    "current": _Search._here,
    "field": _Search._field,
    "index": _Search._index,
    "slice": _Search._slice,
    "literal": _Search._literal,
    "subexpression": _Search._one_after_the_other,
    "index_expression": _Search._one_after_the_other,
    "pipe": _Search._one_after_the_other,
    "key_val_pair": _Search._one_after_the_other,
    "projection": partial(_Search._project, held_by=Is.LIST),
    "filter_projection": partial(_Search._project, held_by=Is.LIST),
    "value_projection": partial(_Search._project, held_by=Is.OBJECT),
    "flatten": _Search._flatten,
    "multi_select_list": _Search._select,
    "multi_select_dict": _Search._select,
    "or_expression": partial(_Search._either, second_if_false=True),
    "and_expression": partial(_Search._either, second_if_false=False),
    "not_expression": _Search._not,
    "comparator": _Search._compare,
    "function_expression": _Search._call,
}
"""What is done at each part of a path, by the name that the library has for it."""


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node["children"]:
        if isinstance(child, Mapping):
            yield from _nodes(child)


def _spelled(literal: Node) -> str:
    return json.dumps(literal["value"])


def _why_not(node: Node) -> str | None:
    if node["type"] == "function_expression":
        return why_no_call(node["value"], [part["type"] == "expref" for part in node["children"]])
    return "a slice needs a step other than 0" if node["type"] == "slice" and node["children"][2] == 0 else None
