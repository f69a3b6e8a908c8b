"""A check of a block's structure by counting its quotes: vectorised, without reading a field."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from lumos_dagster.connectors.csv.dialect import Dialect

_CR, _LF = 13, 10
_Marks: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


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


def cut(buffer: bytes, dialect: Dialect, eof: bool) -> Cut:
    """Look at a buffer that begins where a record begins.

    Outside of quoted fields the number of quotes so far is even, inside odd. So a line end behind an even number ends
    a record; a quote behind an even number opens a field and must stand at its beginning, or is the second one of a
    doubled pair; a quote behind an odd number closes a field and must stand at its end, or is the first of a pair.
    """
    if _is_odd(buffer, dialect):
        return Cut(sound=False)
    marks: _Marks = np.frombuffer(buffer, np.uint8)
    ends = _line_ends(marks, eof) if b"\r" in buffer else np.flatnonzero(marks == _LF)
    quotes: _Marks = (
        np.flatnonzero(marks == dialect.quote[0]) if dialect.quote in buffer and dialect.quote else ends[:0]
    )
    outside = ends[np.searchsorted(quotes, ends) % 2 == 0] if len(quotes) else ends
    if not len(outside):
        return Cut(sound=not eof and _quotes_fit(marks, quotes, dialect, opening=True))
    end = int(outside[-1]) + 1
    quotes = quotes[: np.searchsorted(quotes, end)]
    lengths = np.diff(outside, prepend=-1) - 1
    blank = (lengths == 0) | ((lengths == 1) & (marks[outside] == _LF) & (marks[outside - 1] == _CR))
    return Cut(
        end=end,
        records=len(outside),
        blank=int(np.count_nonzero(blank)),
        lines=int(np.searchsorted(ends, end)),
        sound=_quotes_fit(marks, quotes, dialect, opening=True) and _quotes_fit(marks, quotes, dialect, opening=False),
    )


def _is_odd(buffer: bytes, dialect: Dialect) -> bool:
    """Whether there is anything that counting quotes does not understand."""
    comment = dialect.comment
    return (
        b"\0" in buffer
        or bool(dialect.escape and dialect.escape in buffer)
        or bool(len(dialect.delimiter) > 1 and dialect.quote and dialect.quote in buffer)
        or bool(comment and (buffer.startswith(comment) or b"\n" + comment in buffer or b"\r" + comment in buffer))
    )


def _line_ends(marks: _Marks, eof: bool) -> _Marks:
    """Where lines end: LF, CR LF (at its LF) and CR. A CR at the very end may be half of a CR LF."""
    returns, feeds = np.flatnonzero(marks == _CR), np.flatnonzero(marks == _LF)
    if returns[-1] == len(marks) - 1 and not eof:
        returns = returns[:-1]
    alone = returns[(returns == len(marks) - 1) | (marks[np.minimum(returns + 1, len(marks) - 1)] != _LF)]
    return np.sort(np.concatenate((feeds, alone))) if len(alone) else feeds


def _quotes_fit(marks: _Marks, quotes: _Marks, dialect: Dialect, opening: bool) -> bool:
    """Whether each opening (or closing) quote has beside it what may be there."""
    if not len(quotes):
        return True
    half = quotes[0::2] if opening else quotes[1::2]
    at_edge = half == 0 if opening else half == len(marks) - 1
    beside = marks[np.where(at_edge, half, half - 1 if opening else half + 1)]
    fits = at_edge | (beside == dialect.quote[0]) | (beside == _LF) | (beside == _CR) | (beside == dialect.delimiter[0])
    return bool(fits.all())
