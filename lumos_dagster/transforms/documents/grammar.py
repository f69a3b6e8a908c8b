"""JSON (RFC 8259) held against its grammar: the tokens of many texts at once, and which of the texts are not JSON."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lumos_dagster.conversion.kinds import Array
from lumos_dagster.transforms.series import to_arrow

Flags: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.int64]
"""Where in another array each one is."""
DEEPEST = 500
"""Objects and lists within each other, beyond which a text is refused."""

_SPELLING = (
    r'(?:"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
    r"|true|false|null|[{}\[\]])[ \t\r\n]*[,:]?|[^ \t\r\n]"
)
"""A token with the comma or colon behind it; or a character that begins none, so that only blanks are passed over."""
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = r"\\u[dD][89a-fA-F]"


class Sign(IntEnum):
    """What a token is to the grammar."""

    ODD = 0
    START = 1
    OBJECT = 2
    LIST = 3
    OBJECT_END = 4
    LIST_END = 5
    KEY = 6
    ATOM = 7
    OBJECT_END_COMMA = 8
    LIST_END_COMMA = 9
    ATOM_COMMA = 10


_ATOM_STARTS = '"-0123456789tfn'
_BARE = {"{": Sign.OBJECT, "[": Sign.LIST, "}": Sign.OBJECT_END, "]": Sign.LIST_END} | dict.fromkeys(
    _ATOM_STARTS, Sign.ATOM
)
_BEFORE_COMMA = {"}": Sign.OBJECT_END_COMMA, "]": Sign.LIST_END_COMMA} | dict.fromkeys(_ATOM_STARTS, Sign.ATOM_COMMA)
_VALUES = (Sign.OBJECT, Sign.LIST, Sign.ATOM, Sign.ATOM_COMMA)
_OBJECT_END = (Sign.OBJECT_END, Sign.OBJECT_END_COMMA)
_LIST_END = (Sign.LIST_END, Sign.LIST_END_COMMA)
_ENDED = (Sign.OBJECT_END, Sign.LIST_END, Sign.ATOM)
_ENDED_COMMA = (Sign.OBJECT_END_COMMA, Sign.LIST_END_COMMA, Sign.ATOM_COMMA)
_BEHIND = {
    (Sign.START, Sign.START): _VALUES,
    (Sign.OBJECT, Sign.OBJECT): (Sign.KEY, *_OBJECT_END),
    (Sign.OBJECT, Sign.KEY): _VALUES,
    **{(Sign.OBJECT, sign): _OBJECT_END for sign in _ENDED},
    **{(Sign.OBJECT, sign): (Sign.KEY,) for sign in _ENDED_COMMA},
    (Sign.LIST, Sign.LIST): (*_VALUES, *_LIST_END),
    **{(Sign.LIST, sign): _LIST_END for sign in _ENDED},
    **{(Sign.LIST, sign): _VALUES for sign in _ENDED_COMMA},
}
"""Within what, behind what: which tokens may stand. START is the outside, and what stands before the first token."""


def _allowed() -> Flags:
    allowed = np.zeros((len(Sign), len(Sign), len(Sign)), dtype=np.bool_)
    for (within, behind), signs in _BEHIND.items():
        allowed[within, behind, list(signs)] = True
    return allowed


def _signs() -> NDArray[np.uint8]:
    """The sign of a token by its first byte and its last, where that is another."""
    signs = np.zeros((256, 256), dtype=np.uint8)
    for mark, sign in _BARE.items():
        signs[ord(mark)] = sign
        signs[ord(mark), [ord(","), ord(":")]] = _BEFORE_COMMA.get(mark, Sign.ODD), Sign.ODD
    signs[ord('"'), ord(":")] = Sign.KEY
    return signs


def flagged(*places: int) -> Flags:
    """A table of which bytes, or signs, are meant."""
    flags = np.zeros(256, dtype=np.bool_)
    flags[list(places)] = True
    return flags


_ALLOWED = _allowed()
_SIGNS = _signs()
_NOT_ALONE = flagged(*b'"-tfn')
_OPENS = flagged(Sign.OBJECT, Sign.LIST)
_CLOSES = flagged(*_OBJECT_END, *_LIST_END)
_CAN_END = flagged(*_ENDED)


@dataclass(frozen=True)
class Tokens:
    """The tokens of all texts, in order; `texts` are as they are spelled, strings in their quotes."""

    texts: Array
    firsts: NDArray[np.uint8]
    """The first byte of each."""
    owners: Places
    """The text that each is of, by its number."""
    signs: NDArray[np.uint8]
    levels: NDArray[np.int16]
    """How many objects and lists are around it; as many are around the two brackets of one."""
    holders: Places
    """The token that opens the object or list around it, or of a closing bracket the one that opens its own; or -1."""
    escaped: Places
    """Those with a backslash."""

    def only(self, keep: Flags) -> "Tokens":
        """Those tokens alone; who keeps a token must keep its holder."""
        places = np.append(np.cumsum(keep) - 1, -1)
        return Tokens(
            self.texts.filter(keep), self.firsts[keep], self.owners[keep], self.signs[keep], self.levels[keep],
            places[self.holders[keep]], places[self.escaped[keep[self.escaped]]],
        )  # fmt: skip


def tokens_of(texts: Array) -> tuple[Tokens, Flags]:
    """The tokens of the texts that are JSON, and which are not."""
    listed: Array = to_arrow(pl.Series(pl.from_arrow(texts)).str.extract_all(_SPELLING))
    sizes: Places = pc.list_value_length(listed).to_numpy(zero_copy_only=False).astype(np.int64)
    flat: Array = listed.flatten().cast(pa.string())
    firsts, signs, escaped = _looked_at(flat)
    owners = np.repeat(np.arange(len(texts)), sizes)
    bad = sizes == 0

    opens, closes = _OPENS[signs], _CLOSES[signs]
    reached = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32)
    ends = np.cumsum(sizes)
    after = np.append(reached, 0)[ends - 1]
    before = np.append(0, after)[:-1]
    levels = reached - np.repeat(before, sizes) - opens
    bad[owners[(levels < 0) | (opens & (levels >= DEEPEST))]] = True
    levels = np.clip(levels, 0, DEEPEST).astype(np.int16)
    holders = _holders(levels, opens, closes)

    within = np.where(holders < 0, np.uint8(Sign.START), signs[holders])
    behind = np.append(np.uint8(Sign.START), signs)[:-1]
    behind[(ends - sizes)[sizes > 0]] = Sign.START
    bad[owners[~_ALLOWED[within, behind, signs]]] = True
    bad |= (after != before) | ~_CAN_END[np.append(signs, np.uint8(Sign.ODD))[ends - 1]]
    if len(escaped):
        bad[owners[escaped[_are_halved(flat.take(pa.array(escaped)))]]] = True

    tokens = Tokens(pc.ascii_rtrim(flat, " \t\r\n,:"), firsts, owners, signs, levels, holders, escaped)
    return (tokens.only(~bad[owners]) if bad.any() else tokens), bad


def malformed(texts: Array) -> Flags:
    """Which of the texts are not JSON."""
    return tokens_of(texts)[1]


def _looked_at(flat: Array) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Places]:
    """The first byte of each token, what the token is, and which tokens have a backslash."""
    _, offsets, data = flat.buffers()
    if not len(flat):
        return np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.int64)
    bounds = np.frombuffer(offsets, np.int32)[flat.offset : flat.offset + len(flat) + 1]
    spelled = np.frombuffer(data, np.uint8)
    firsts, lasts = spelled[bounds[:-1]], spelled[bounds[1:] - 1]
    signs = _SIGNS[firsts, lasts]
    signs[_NOT_ALONE[firsts] & (np.diff(bounds) == 1)] = Sign.ODD
    escapes = np.flatnonzero(spelled[: bounds[-1]] == ord("\\"))
    return firsts, signs, np.unique(np.searchsorted(bounds, escapes, "right") - 1)


def _holders(levels: NDArray[np.int16], opens: Flags, closes: Flags) -> Places:
    """The token that opens what each is in: level by level, it is the last one before the first token within."""
    order = np.argsort(levels, kind="stable")
    places = np.arange(len(order))
    first_within = opens[order - 1] & ~closes[order] & (order > 0)
    last_first = np.maximum.accumulate(np.where(first_within, places, 0))
    last_open = np.maximum.accumulate(np.where(opens[order], places, 0))
    holders = np.empty(len(order), dtype=np.int64)
    holders[order] = np.where(closes[order], order[last_open], order[last_first] - 1)
    holders[(levels == 0) & ~closes] = -1
    return holders


def _are_halved(strings: Array) -> Flags:
    """Which strings have half of a surrogate pair, which is no character."""
    without = pl.Series(pl.from_arrow(strings)).str.replace_all(r"\\\\", " ").str.replace_all(_PAIR, " ")
    halved: Flags = without.str.contains(_HALF).to_numpy()
    return halved
