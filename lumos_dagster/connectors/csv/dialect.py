"""How a CSV text is cut into records and fields, strictly: what the fast reader is held against."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from lumos_dagster.connectors.csv.text import wrong_bytes


@dataclass(frozen=True)
class Dialect:
    """The marks of a CSV text, as UTF-8 bytes; an empty mark is not used. `nulls` are unquoted texts that mean null.

    `encoding` is what the file is in; the text itself has become UTF-8.
    """

    delimiter: bytes = b","
    quote: bytes = b'"'
    escape: bytes = b""
    comment: bytes = b""
    nulls: frozenset[bytes] = frozenset((b"",))
    encoding: str = "utf-8"

    @cached_property
    def quoted(self) -> re.Pattern[bytes]:
        """A quoted field, its text in group 1."""
        mark, escape = re.escape(self.quote), re.escape(self.escape)
        if not escape:
            return re.compile(rb"%b((?:[^%b]++|%b%b)*+)%b" % ((mark,) * 5), re.DOTALL)
        inside = rb"(?:[^%b%b]++|%b.|%b%b)*+" % (mark, escape, escape, mark, mark)
        return re.compile(rb"%b(%b)%b" % (mark, inside, mark), re.DOTALL)

    @cached_property
    def unquoted(self) -> re.Pattern[bytes]:
        """The text up to the next delimiter or the end of the line."""
        delimiter, escape = re.escape(self.delimiter), re.escape(self.escape)
        other = rb"(?!%b)[^\r\n]" % delimiter
        return re.compile(rb"(?:%b.|%b)*+" % (escape, other) if escape else rb"(?:%b)*+" % other, re.DOTALL)

    @cached_property
    def plain_line(self) -> re.Pattern[bytes]:
        """A line that ends in LF and holds no mark but delimiters."""
        return re.compile(rb"[^\r\n%b]*+\n" % re.escape(self.quote + self.escape))

    def without_escapes(self, text: bytes) -> bytes:
        """The text without what is escaped."""
        return (
            re.sub(re.escape(self.escape) + b".", b"", text, flags=re.DOTALL)
            if self.escape and self.escape in text
            else text
        )

    def unescaped(self, text: bytes, quoted: bool) -> bytes:
        """The text without its escapes and doubled quotes."""
        if self.escape and self.escape in text:
            either = rb"%b(.)|%b%b" % (re.escape(self.escape), *(re.escape(self.quote or b"\n"),) * 2)
            return re.sub(either, lambda match: match[1] or self.quote, text, flags=re.DOTALL)
        return text.replace(self.quote * 2, self.quote) if quoted else text


@dataclass(frozen=True)
class Record:
    """One record: its fields (null is None), its text as it stands in the file, its line, and what is wrong with it.

    `at` is the byte of the fault, and of the record's beginning where there is none.
    """

    fields: tuple[bytes | None, ...]
    text: bytes
    line: int
    at: int
    reason: str = ""

    def passed_over(self, width: int) -> bool:
        """Whether it is a blank line, where one cannot be a row."""
        return width > 1 and not self.text

    def misfit(self, width: int) -> str:
        """Why the record is not a row of `width` fields, or ""."""
        if self.reason or len(self.fields) == width:
            return self.reason
        return f"{len(self.fields)} fields where {width} are expected"


_LINE_END = re.compile(rb"\r\n|\n|\r")
UNCLOSED = "a quoted field is never closed"
STRAY = 'there is a quote inside an unquoted field (with quote: "" quotes are text)'
_OTHERS = "; if the whole file is in another encoding, say which, such as encoding: cp1252, gb18030 or utf-16"


class Scanner:
    """Cuts a buffer that begins at the start of a record; a record that the buffer does not end is left.

    `end` and `line` tell how far it came: the place in the buffer, and the number of the line that begins there.
    """

    def __init__(self, dialect: Dialect, buffer: bytes, line: int, eof: bool) -> None:
        self.dialect = dialect
        self.buffer = buffer
        self.line = line
        self.end = 0
        self._eof = eof

    def records(self) -> Iterator[Record]:
        """The complete records, without comment lines."""
        while self.end < len(self.buffer):
            if self.dialect.comment and self.buffer.startswith(self.dialect.comment, self.end):
                if not self.skip_line():
                    return
                continue
            record = self._record(self.end)
            if record is None:
                return
            yield record

    def skip_line(self) -> bool:
        """Pass over a line whatever is in it; False where the buffer does not end it."""
        ends = self._line_end(self.end)
        if ends is not None:
            self.end, self.line = ends[1], self.line + 1
        return ends is not None

    def _record(self, start: int) -> Record | None:
        line = self.dialect.plain_line.match(self.buffer, start)
        return self._record_with_marks(start) if line is None else self._plain_record(start, line.end())

    def _plain_record(self, start: int, end: int) -> Record:
        text, nulls = self.buffer[start : end - 1], self.dialect.nulls
        reason, at = self._wrong_bytes(text, start)
        fields = tuple(None if field in nulls else field for field in text.split(self.dialect.delimiter))
        record = Record(fields, text, self.line, at, reason)
        self.end, self.line = end, self.line + 1
        return record

    def _record_with_marks(self, start: int) -> Record | None:
        fields: list[bytes | None] = []
        faults: list[tuple[str, int]] = []
        position = start
        while True:
            found = self._field(position, faults)
            if found is None:
                return None
            fields.append(found[0])
            position = found[1]
            if not self.buffer.startswith(self.dialect.delimiter, position):
                break
            position += len(self.dialect.delimiter)
        ends = self._line_end(position)
        if ends is None:
            return None
        text = self.buffer[start : ends[0]]
        reason, at = faults[0] if faults else self._wrong_bytes(text, start)
        record = Record(tuple(fields), text, self.line, at, reason)
        self.end, self.line = ends[1], self.line + len(_LINE_END.findall(self.buffer, start, ends[1]))
        return record

    def _field(self, position: int, faults: list[tuple[str, int]]) -> tuple[bytes | None, int] | None:
        """The field that begins here and where it ends, or None where the buffer ends before it."""
        mark, buffer = self.dialect.quote, self.buffer
        if mark and buffer.startswith(mark, position):
            match = self.dialect.quoted.match(buffer, position)
            if match is None:
                faults.append((UNCLOSED, position))
                return (b"", len(buffer)) if self._eof else None
            rest = self._unquoted(match.end())
            if rest > match.end():
                faults.append(("there is text behind a closing quote", match.end()))
            return self.dialect.unescaped(match[1], quoted=True), rest
        end = self._unquoted(position)
        text = buffer[position:end]
        if mark and mark in self.dialect.without_escapes(text):
            faults.append((STRAY, position + text.index(mark)))
        return (None if text in self.dialect.nulls else self.dialect.unescaped(text, quoted=False)), end

    def _unquoted(self, position: int) -> int:
        match = self.dialect.unquoted.match(self.buffer, position)
        return match.end() if match else position

    def _line_end(self, position: int) -> tuple[int, int] | None:
        """Where the line's text ends and where the next line begins; None where the buffer ends before that is sure."""
        match = _LINE_END.search(self.buffer, position)
        if match is None:
            return (len(self.buffer), len(self.buffer)) if self._eof else None
        if match[0] == b"\r" and match.end() == len(self.buffer) and not self._eof:
            return None
        return match.start(), match.end()

    def _wrong_bytes(self, text: bytes, start: int) -> tuple[str, int]:
        """What is wrong with the bytes, "" if nothing is, and where."""
        if b"\0" in text:
            return "there is a NUL byte", start + text.index(0)
        try:
            text.decode()
        except UnicodeDecodeError as error:
            encoding = self.dialect.encoding
            wrong = wrong_bytes(text, error.start) if encoding != "utf-8" else b""
            found = (wrong or text[error.start : error.end]).hex(" ")
            return f"the bytes {found} are not {encoding}{_OTHERS}", start + error.start
        return "", start
