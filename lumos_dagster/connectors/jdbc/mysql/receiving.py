"""A result's rows off the line, many at a time: the driver would take each value by itself.

Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

_HEADER = struct.Struct("<I")
"""Three bytes of a packet's length, and one of its number."""
_LONGEST = 0xFFFFFF
"""A packet of that length goes on in the next one."""
_NULL, _END, _ERROR = 0xFB, 0xFE, 0xFF
_LONG = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""What begins a value of more than 250 bytes, and how many bytes its length takes."""
_LONGEST_END = 8
_READ_BYTES, _MOST_BYTES = 1 << 18, 8 << 20
_SERVER_LOST = 2013
_Places: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def received(raw: Any, result: Any, columns: int, size: int) -> Iterator[list[Any]]:
    """The values of each column as binary arrays, `size` rows at a time or fewer where they are long.

    `result` is what the driver made of an unbuffered query, of which it has read no row. pymysql.err.Error.
    """
    held, starts, at = bytearray(), list[int](), 0
    while result.unbuffered_active:
        at = _over_plain_rows(held, at, starts, size - 1)  # the last one is for what follows, which gives them all
        behind = _end_of_packet(held, at)
        if behind is None:
            held += _more(raw)
            continue
        first = held[at + _HEADER.size]
        if first == _ERROR or (first == _END and behind - at <= _HEADER.size + _LONGEST_END):
            _end(result, bytes(held[at + _HEADER.size : behind]))
        else:
            starts.append(at + _HEADER.size)
            at = behind
        if starts and (len(starts) == size or at >= _MOST_BYTES or not result.unbuffered_active):
            yield _columns(bytes(memoryview(held)[:at]), starts, columns)
            del held[:at]
            starts, at = [], 0


def _more(raw: Any) -> bytes:
    from pymysql.err import OperationalError

    told = "Lost connection to MySQL server during query"
    try:
        data = raw._rfile.read1(_READ_BYTES)
    except OSError as error:
        raw._force_close()
        raise OperationalError(_SERVER_LOST, f"{told} ({error})") from None
    if not data:
        raw._force_close()
        raise OperationalError(_SERVER_LOST, told)
    return bytes(data)


def _over_plain_rows(held: bytearray, at: int, starts: list[int], most: int) -> int:
    """Behind the rows, `most` in all, that begin here in a packet each, without a mark; in less time for each.

    The last one may be here in part only: what is behind it comes later than its end.
    """
    header, size, here = _HEADER.unpack_from, _HEADER.size, len(held)
    for _ in range(most - len(starts)):
        begin = at + size
        if begin >= here:
            break
        length = header(held, at)[0] & _LONGEST
        if length == _LONGEST or held[begin] >= _END:
            break
        starts.append(begin)
        at = begin + length
    return at


def _end_of_packet(held: bytearray, at: int) -> int | None:
    """Where the packet ends, None where its end is not here yet; of several that hold one row, as if they were one."""
    if at + _HEADER.size > len(held):
        return None
    length = _length(held, at)
    behind = at + _HEADER.size + length
    if behind > len(held):
        return None
    if length < _LONGEST:
        return behind
    following, headers = behind, []
    while length == _LONGEST:
        if following + _HEADER.size > len(held):
            return None
        headers.append(following)
        length = _length(held, following)
        following += _HEADER.size + length
    if following > len(held):
        return None
    for header in reversed(headers):
        del held[header : header + _HEADER.size]
    return following - len(headers) * _HEADER.size


def _length(held: bytearray, at: int) -> int:
    (header,) = _HEADER.unpack_from(held, at)
    return int(header) & _LONGEST


def _end(result: Any, packet: bytes) -> None:
    """What the driver does behind the last row. pymysql.err.Error where the server tells of one instead."""
    from pymysql.err import raise_mysql_exception

    result.unbuffered_active = False
    if packet[0] == _ERROR:
        raise_mysql_exception(packet)
    result.connection = None


def _columns(held: bytes, starts: Sequence[int], columns: int) -> list[Any]:
    """The values of rows that begin there: length and bytes of one after the other."""
    octets, at = np.frombuffer(held, np.uint8), np.array(starts, np.int64)
    values = []
    for _ in range(columns):
        first = octets[at]
        begins, lengths = at + 1, first.astype(np.int64)
        are_null = first == _NULL
        if first.max() >= _NULL:
            lengths[are_null] = 0
            for mark, width in _LONG.items():
                if (long := np.flatnonzero(first == mark)).size:
                    places = at[long, None] + np.arange(1, width + 1)
                    lengths[long] = (octets[places].astype(np.int64) << np.arange(0, 8 * width, 8)).sum(axis=1)
                    begins[long] += width
        at = begins + lengths
        values.append(_values(held, begins, at, are_null))
    return values


def _values(held: bytes, begins: _Places, ends: _Places, are_null: "np.ndarray[Any, np.dtype[np.bool_]]") -> Any:
    """A column's. Of a binary array that is the bytes as they lie there, every other piece is a value."""
    rows = len(begins)
    bounds = np.empty((rows, 2), np.int32)
    bounds[:, 0], bounds[:, 1] = begins, ends
    pieces = pa.Array.from_buffers(pa.binary(), 2 * rows - 1, [None, pa.py_buffer(bounds.data), pa.py_buffer(held)])
    valid = pa.py_buffer(np.packbits(~are_null, bitorder="little").data) if are_null.any() else None
    return pieces.take(pa.Array.from_buffers(pa.int64(), rows, [valid, pa.py_buffer(np.arange(0, 2 * rows, 2).data)]))
