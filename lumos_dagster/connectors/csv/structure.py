"""A check of a block's structure by counting its quotes: 64 bytes at a time, without reading a field.

Each kind of byte is a mask with a bit for each byte of the buffer, 64 of them to a word, the first one lowest.
Source of the way: G. Langdale and D. Lemire, Parsing Gigabytes of JSON per Second, https://arxiv.org/abs/1902.08318.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from lumos_dagster.connectors.csv.dialect import Dialect

STRIDE = 1 << 18
"""Bytes looked at in one go: the processor's nearer memory has room for them and for what is made of them."""
_Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"
_Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"
_Places: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


@dataclass(frozen=True)
class Cut:
    """Up to which byte a buffer holds whole records, and how many records, blank lines and line ends that is.

    `sound`: a reader that knows no errors reads them as a strict one does. No byte of whole records
    and sound: the only record is longer than the buffer.
    """

    end: int = 0
    records: int = 0
    blank: int = 0
    lines: int = 0
    sound: bool = True

    def and_then(self, more: "Cut") -> "Cut":
        """With what stands right behind it."""
        counts = (self.records + more.records, self.blank + more.blank, self.lines + more.lines)
        return Cut(self.end + more.end, *counts)


def cut(buffer: bytes, dialect: Dialect, eof: bool) -> Cut:
    """Look at a buffer that begins where a record begins, as far as it is sound, which its beginning may not be."""
    if _is_odd(buffer, dialect):
        return Cut(sound=False)
    found, has_returns = np.frombuffer(buffer, np.uint8), b"\r" in buffer
    seen, size = Cut(), STRIDE
    while seen.end < len(found):
        here = found[seen.end : seen.end + size]
        is_last = seen.end + len(here) == len(found)
        more = _cut(here, dialect, has_returns, eof and is_last)
        if more.sound and not more.end and not is_last:  # the record that begins here goes on behind it
            size *= 2
        elif more.sound and more.end:
            seen, size = seen.and_then(more), STRIDE
        else:
            return seen if seen.end else more
    return seen


def _cut(found: _Bytes, dialect: Dialect, has_returns: bool, eof: bool) -> Cut:
    """All of it.

    Outside of quoted fields the number of quotes so far is even, inside odd. So a line end behind an even number ends
    a record; a quote behind an even number opens a field and must stand at its beginning, or is the second one of a
    doubled pair; a quote behind an odd number closes a field and must stand at its end, or is the first of a pair.
    """
    feeds, quotes = (_mask(found, mark) for mark in (b"\n", dialect.quote))
    returns = _mask(found, b"\r" if has_returns else b"")
    inside = _behind_odd(quotes)
    ends = _line_ends(feeds, returns)
    if found[-1] == ord("\r") and not eof:  # it may be half of a CR LF
        ends[-1] &= _up_to(len(found) - 1) >> np.uint64(1)
    outside = ends & ~inside
    last = _last(outside)
    known = len(found) - 1 if last is None else last
    whole = slice(known // 64 + 1)
    wrong = _misplaced(quotes, inside, feeds | returns | _mask(found, dialect.delimiter[:1]))
    for mask in (ends, wrong):
        mask[known // 64] &= _up_to(known)
    sound = not wrong[whole].any()
    if last is None:
        return Cut(sound=sound and not eof)
    begins = _behind(outside, at_the_start=True)
    blank = outside & begins
    if has_returns:
        blank |= outside & feeds & _behind(returns & begins)
    return Cut(last + 1, _count(outside), _count(blank), _count(ends[whole]), sound)


def places(buffer: bytes | memoryview, dialect: Dialect) -> tuple[_Places, _Places]:
    """Where the records of a buffer begin behind its first one, if it is sound, and where its lines do."""
    found = np.frombuffer(buffer, np.uint8)
    ends = _line_ends(_mask(found, b"\n"), _mask(found, b"\r"))
    return _behind_each(ends & ~_behind_odd(_mask(found, dialect.quote))), _behind_each(ends)


def _behind_each(mask: _Mask) -> _Places:
    return np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")) + 1


def _misplaced(quotes: _Mask, inside: _Mask, edges: _Mask) -> _Mask:
    """The bytes next to a quote where one of `edges`, or a quote, would have to be."""
    edges |= quotes
    opening = quotes & inside
    wrong = _before(opening)
    wrong |= _behind(quotes ^ opening)
    wrong &= np.invert(edges, out=edges)
    return wrong


def _is_odd(buffer: bytes, dialect: Dialect) -> bool:
    """Whether there is anything that counting quotes does not understand."""
    comment = dialect.comment
    return (
        b"\0" in buffer
        or bool(dialect.escape and dialect.escape in buffer)
        or bool(len(dialect.delimiter) > 1 and dialect.quote and dialect.quote in buffer)
        or bool(comment and (buffer.startswith(comment) or b"\n" + comment in buffer or b"\r" + comment in buffer))
    )


def _mask(found: _Bytes, mark: bytes) -> _Mask:
    """Where the byte stands; nowhere if there is none."""
    words = np.zeros(-(-len(found) // 64), "<u8")
    if mark:
        bits = np.packbits(found == mark[0], bitorder="little")
        words.view(np.uint8)[: len(bits)] = bits
    return words


def _behind(mask: _Mask, at_the_start: bool = False) -> _Mask:
    """The bytes right behind those; the first byte, too, if what begins there counts as one behind."""
    moved = mask << np.uint64(1)
    moved[1:] |= mask[:-1] >> np.uint64(63)
    moved[0] |= np.uint64(at_the_start)
    return moved


def _before(mask: _Mask) -> _Mask:
    """The bytes right before those."""
    moved = mask >> np.uint64(1)
    moved[:-1] |= mask[1:] << np.uint64(63)
    return moved


def _behind_odd(quotes: _Mask) -> _Mask:
    """The bytes up to which the number of quotes is odd, their own counted."""
    odd, spare = quotes.copy(), np.empty_like(quotes)
    for bits in (1, 2, 4, 8, 16, 32):
        odd ^= np.left_shift(odd, np.uint64(bits), out=spare)
    np.right_shift(odd, np.uint64(63), out=spare)
    np.bitwise_xor.accumulate(spare, out=spare)
    odd[1:] ^= np.subtract(np.uint64(0), spare, out=spare)[:-1]
    return odd


def _line_ends(feeds: _Mask, returns: _Mask) -> _Mask:
    """Where lines end: LF, CR LF (at its LF) and CR."""
    return feeds | (returns & ~_before(feeds))


def _last(mask: _Mask) -> int | None:
    """The last byte of those; None where there is none."""
    word = len(mask) - 1 - int((mask[::-1] != 0).argmax())
    bits = int(mask[word])
    return word * 64 + bits.bit_length() - 1 if bits else None


def _up_to(byte: int) -> np.uint64:
    """The bits of the byte's word up to its own."""
    return np.uint64((2 << byte % 64) - 1)


def _count(mask: _Mask) -> int:
    return int(np.bitwise_count(mask).sum())
