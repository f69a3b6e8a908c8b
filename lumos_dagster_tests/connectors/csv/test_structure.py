"""Where a buffer may be cut, held against a look at one byte after another."""

from itertools import accumulate

import pytest

from lumos_dagster.connectors.csv import structure
from lumos_dagster.connectors.csv.dialect import Dialect
from lumos_dagster.connectors.csv.structure import Cut, cut, places

_TEXTS = [
    b"a,b\nc,d\n",
    b'"a","b"\n"c","d"\n',
    b'"a""b",""\n\n',
    b'"a\nb",c\n"d',
    b'a,"b\r\nc"\r\n\r\n\r',
    b'a"b,c\n"d"\n',
    b'"a"b,c\nd\n',
    b'"a\r"\rb\r\n',
    b'"open, and never closed\n',
    b"no end",
    b'\r"',
]


def _byte_by_byte(buffer: bytes, eof: bool) -> Cut:
    inside, begin, fits = False, 0, True
    end = records = blank = lines = seen_lines = 0
    sound = True
    for at, byte in enumerate(buffer):
        mark, behind, before = bytes([byte]), buffer[at + 1 : at + 2], buffer[at - 1 : at] if at else b""
        if mark == b'"':
            inside = not inside
            if inside:
                fits = fits and before in (b"", b",", b"\n", b"\r", b'"')
            else:
                fits = fits and behind in (b"", b",", b"\n", b"\r", b'"')
        if mark == b"\n" or (mark == b"\r" and behind != b"\n" and (behind or eof)):
            seen_lines += 1
            if not inside:
                blank += buffer[begin:at] == b"" or (buffer[begin:at], mark) == (b"\r", b"\n")
                records += 1
                end, begin, lines, sound = at + 1, at + 1, seen_lines, fits
    if not records:
        return Cut(sound=not eof and fits)
    return Cut(end, records, blank, lines, sound)


@pytest.mark.parametrize("text", _TEXTS)
@pytest.mark.parametrize("eof", [True, False])
def test_it_is_told_wherever_in_a_word_of_64_bytes_a_mark_stands(text: bytes, eof: bool) -> None:
    for before in (b"x" * many for many in range(130)):
        for first in (b"", before + b"\n", before + b",", b'"' + before + b'",', before + b"\r\n\n"):
            for rest in (b"", before):
                buffer = first + text + rest
                assert cut(buffer, Dialect(), eof) == _byte_by_byte(buffer, eof), buffer


@pytest.mark.parametrize("text", _TEXTS)
@pytest.mark.parametrize("eof", [True, False])
def test_a_buffer_of_several_strides_is_told_as_far_as_it_is_sound(
    text: bytes, eof: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure, "STRIDE", 64)
    for many in range(130):
        buffer = b"x" * many + b"\n" + text + b"y" * 70 + b"\n"
        whole, found = _byte_by_byte(buffer, eof), cut(buffer, Dialect(), eof)
        if whole.sound:
            assert found == whole, buffer
        else:
            assert found == (_byte_by_byte(buffer[: found.end], eof) if found.end else Cut(sound=False)), buffer


@pytest.mark.parametrize("text", _TEXTS)
def test_where_records_and_lines_begin(text: bytes) -> None:
    for many in (0, 1, 62, 63, 64, 65):
        buffer = b"x" * many + b"\n" + text
        buffer = buffer[: _byte_by_byte(buffer, eof=True).end]
        lines = list(accumulate(map(len, buffer.splitlines(keepends=True))))
        records = [
            at
            for at in range(1, len(buffer) + 1)
            if _byte_by_byte(buffer[:at], eof=buffer[at - 1 : at + 1] != b"\r\n").end == at
        ]
        found = [some.tolist() for some in places(buffer, Dialect())]
        assert found == [records, lines], buffer
