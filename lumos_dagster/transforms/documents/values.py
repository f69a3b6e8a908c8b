"""The values that JSON documents are made of, held in columns: each is known by its number."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.conversion.kinds import Array
from lumos_dagster.conversion.nesting import quoted
from lumos_dagster.transforms.decimals import plain
from lumos_dagster.transforms.documents.grammar import Flags, Places, Sign, Tokens, flagged, tokens_of
from lumos_dagster.transforms.series import to_arrow

NULL, FALSE, TRUE = 0, 1, 2
"""The numbers of these values, in all documents."""
_WORDS = ("null", "false", "true")


class Is(IntEnum):
    """What a value is."""

    NULL = 0
    FALSE = 1
    TRUE = 2
    NUMBER = 3
    STRING = 4
    LIST = 5
    OBJECT = 6


_KINDS = np.full(256, Is.NUMBER, dtype=np.uint8)
for _mark, _kind in zip(b'nft"[{', (Is.NULL, Is.FALSE, Is.TRUE, Is.STRING, Is.LIST, Is.OBJECT), strict=True):
    _KINDS[_mark] = _kind
_IS_VALUE = flagged(Sign.OBJECT, Sign.LIST, Sign.ATOM, Sign.ATOM_COMMA)


class Documents:
    """Values of JSON, and what they hold. A value may be held by many others.

    `kinds` tells what each value is. The members of value i, which a list or object holds, stand in `members` from
    `starts[i]` on, `sizes[i]` of them; beside them in `keys` the places of their keys in `names`, or -1 in a list, and
    in `owners` who holds them. An atom is spelled at the place `spelled` of `texts`, as in JSON.
    """

    def __init__(self, tokens: Tokens) -> None:
        is_value = _IS_VALUE[tokens.signs]
        at = np.flatnonzero(is_value)
        numbers = np.append(np.cumsum(is_value) - 1, -1)
        self.kinds = _KINDS[tokens.firsts[at]]
        self.spelled = at
        self.texts: Array = _spelled_alike(tokens)
        holders = numbers[tokens.holders[at]]
        by_level = np.argsort(tokens.levels[at], kind="stable")
        self.members: Places = by_level[np.count_nonzero(holders < 0) :]
        self.owners: Places = holders[self.members]
        self.sizes = np.bincount(self.owners, minlength=len(at))
        self.starts = np.zeros(len(at), dtype=np.int64)
        first = np.flatnonzero(np.diff(self.owners, prepend=-1))
        self.starts[self.owners[first]] = first
        self.keys = np.full(len(self.members), -1, dtype=np.int64)
        in_object = self.kinds[self.owners] == Is.OBJECT
        coded: Array = self.texts.take(pa.array(at[self.members[in_object]] - 1)).dictionary_encode()
        self.keys[in_object] = coded.indices.to_numpy()
        self.names: Array = _unquoted(coded.dictionary)

    @classmethod
    def read(cls, texts: Array, constants: Sequence[str] = ()) -> "tuple[Documents, Places, Places, Flags]":
        """The documents, the values that the texts and the constants are, and which texts are not JSON: null then."""
        ahead = [*_WORDS, *constants]
        tokens, bad = tokens_of(pa.concat_arrays([pa.array(ahead, pa.string()), texts.cast(pa.string())]))
        documents = cls(tokens)
        roots = np.zeros(len(bad), dtype=np.int64)
        tops = np.flatnonzero(tokens.levels[documents.spelled] == 0)
        roots[tokens.owners[documents.spelled[tops]]] = tops
        return documents, roots[len(ahead) :], roots[len(_WORDS) : len(ahead)], bad[len(ahead) :]

    def are(self, at: Places, *kinds: Is) -> Flags:
        """Which of the values are of one of these kinds."""
        return np.isin(self.kinds[at], kinds)

    def member(self, at: Places, name: str) -> Places:
        """What each value holds at a key, the last of equal ones; null where it is no object or has no such key."""
        found = np.zeros(len(self.kinds), dtype=np.int64)
        place = pc.index(self.names, pa.scalar(name, self.names.type)).as_py()
        if place >= 0:
            having = np.flatnonzero(self.keys == place)
            found[self.owners[having]] = self.members[having]
        return found[at]

    def item(self, at: Places, place: int) -> Places:
        """What each list holds at a place, counted from its end where that is negative; null where there is none."""
        sizes = np.where(self.are(at, Is.LIST), self.sizes[at], 0)
        places = np.full(len(at), place) if place >= 0 else sizes + place
        there = (places >= 0) & (places < sizes)
        found = np.zeros(len(at), dtype=np.int64)
        found[there] = self.members[(self.starts[at] + places)[there]]
        return found

    def held(self, at: Places) -> tuple[Places, Places]:
        """Whatever the lists and objects hold, in order: the place of each holder in `at`, and that in `members`."""
        sizes = self.sizes[at]
        owners = np.repeat(np.arange(len(at)), sizes)
        first = np.cumsum(sizes) - sizes
        places = np.arange(len(owners)) + (self.starts[at] - first)[owners]
        named = self.keys[places] >= 0
        if not named.any():
            return owners, places
        keys = np.where(named, self.keys[places], len(self.names) + np.arange(len(places)))
        pairs = owners * (len(self.names) + len(places)) + keys
        _, firsts, which = np.unique(pairs, return_index=True, return_inverse=True)
        if len(firsts) == len(pairs):
            return owners, places
        lasts = np.zeros(len(firsts), dtype=np.int64)
        lasts[which] = places  # of equal keys the last value counts, where the first stood
        order = np.argsort(firsts)
        return owners[firsts[order]], lasts[order]

    def contents(self, at: Places) -> tuple[Places, Places]:
        """What the lists and objects hold, in order: the place of each holder in `at`, and the value."""
        owners, places = self.held(at)
        return owners, self.members[places]

    def lists(self, how_many: int, owners: Places, members: Places) -> Places:
        """New lists, each of the members that it owns, in order."""
        return self._hold(Is.LIST, how_many, owners, members, np.full(len(members), -1))

    def objects(self, how_many: int, owners: Places, members: Places, keys: Places) -> Places:
        """New objects, each of the members that it owns, at these keys."""
        return self._hold(Is.OBJECT, how_many, owners, members, keys)

    def _hold(self, kind: Is, how_many: int, owners: Places, members: Places, keys: Places) -> Places:
        order = np.argsort(owners, kind="stable")
        sizes = np.bincount(owners, minlength=how_many)
        made = self._add(kind, how_many, np.full(how_many, -1))
        self.starts[made] = len(self.members) + np.cumsum(sizes) - sizes
        self.sizes[made] = sizes
        self.members = np.append(self.members, members[order])
        self.owners = np.append(self.owners, made[owners[order]])
        self.keys = np.append(self.keys, keys[order])
        return made

    def numbers(self, values: Array) -> Places:
        """New numbers of decimals; null of null."""
        return self._atoms(Is.NUMBER, to_arrow(plain(values)))

    def strings(self, values: Array) -> Places:
        """New strings; null of null."""
        return self._atoms(Is.STRING, quoted(values))

    def _atoms(self, kind: Is, texts: Array) -> Places:
        there: Flags = texts.is_valid().to_numpy(zero_copy_only=False)
        new = np.arange(np.count_nonzero(there))
        found = np.zeros(len(texts), dtype=np.int64)
        found[there] = self._add(kind, len(new), len(self.texts) + new)
        self.texts = pa.concat_arrays([self.texts, texts.drop_null().cast(pa.string())])
        return found

    def _add(self, kind: Is, how_many: int, spelled: Places) -> Places:
        first = len(self.kinds)
        self.kinds = np.append(self.kinds, np.full(how_many, kind, dtype=np.uint8))
        self.spelled = np.append(self.spelled, spelled)
        self.starts = np.append(self.starts, np.zeros(how_many, dtype=np.int64))
        self.sizes = np.append(self.sizes, np.zeros(how_many, dtype=np.int64))
        return np.arange(first, first + how_many)

    def named(self, name: str) -> int:
        """Where this key stands in `names`, to which it is added where it does not."""
        place: int = pc.index(self.names, pa.scalar(name, pa.string())).as_py()
        if place < 0:
            self.names = pa.concat_arrays([self.names, pa.array([name], pa.string())])
        return place if place >= 0 else len(self.names) - 1

    def atoms(self, at: Places, which: Flags) -> Array:
        """Those of the values that are meant, which must be atoms, as JSON; null for the others."""
        return self.texts.take(pa.array(self.spelled[at], mask=~which))

    def json_of(self, at: Places) -> Array:
        """Each value as JSON without blanks, null as null."""
        found = self.atoms(at, ~self.are(at, Is.LIST, Is.OBJECT))
        for kind, opening, closing in ((Is.LIST, "[", "]"), (Is.OBJECT, "{", "}")):
            which = self.are(at, kind)
            if which.any():
                owners, places = self.held(at[which])
                inner = self.json_of(self.members[places])
                if kind is Is.OBJECT:
                    names = quoted(self.names).take(pa.array(self.keys[places]))
                    inner = pc.binary_join_element_wise(names, inner, ":")
                joined = joined_by(",", inner, owners, int(which.sum()))
                whole = pc.binary_join_element_wise(opening, joined, closing, "")
                found = pc.replace_with_mask(found, pa.array(which), whole)
        return found

    def text_of(self, at: Places) -> Array:
        """Each string as it is, all else as JSON; null of null."""
        found = self.json_of(at)
        strings = self.are(at, Is.STRING)
        if strings.any():
            found = pc.replace_with_mask(found, pa.array(strings), _unquoted(found.filter(strings)))
        return pc.if_else(pa.array(self.are(at, Is.NULL)), None, found)


def ends_of(owners: Places, how_many: int) -> Places:
    """Where what each of so many owners has begins among what all have, in order, and where the last one's ends."""
    return np.searchsorted(owners, np.arange(how_many + 1))


def joined_by(separators: Array, texts: Array, owners: Places, how_many: int) -> Array:
    """The texts of each of so many owners put together, with its separator between them."""
    listed = pa.ListArray.from_arrays(pa.array(ends_of(owners, how_many), pa.int32()), texts)
    return pc.binary_join(listed, separators)


def _spelled_alike(tokens: Tokens) -> Array:
    """The tokens, of which those with an escape are spelled as `quoted` spells them."""
    if not len(tokens.escaped):
        return tokens.texts
    escaped = np.zeros(len(tokens.texts), dtype=np.bool_)
    escaped[tokens.escaped] = True
    alike = quoted(_unquoted(tokens.texts.take(pa.array(tokens.escaped))))
    return pc.replace_with_mask(tokens.texts, pa.array(escaped), alike)


def _unquoted(strings: Array) -> Array:
    """What JSON strings spell."""
    escaped: Array = pc.match_substring(strings, "\\")
    inner = pc.utf8_slice_codeunits(strings, 1, -1)
    if not pc.any(escaped).as_py():
        return inner
    decoded = pl.Series(pl.from_arrow(strings.filter(escaped))).str.json_decode(pl.String)
    return pc.replace_with_mask(inner, escaped, to_arrow(decoded).cast(pa.string()))
