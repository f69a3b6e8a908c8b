"""A file's bytes as UTF-8, whatever its encoding: byte order mark dropped, wrong bytes marked, places kept."""

import codecs
import os
import re
from io import FileIO
from typing import Any

from lumos_dagster.connectors.csv.packing import BROKEN
from lumos_dagster.errors import DataError
from lumos_dagster.files import shown

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_LONGEST_MARK = 4
_WITHOUT_ORDER = ("utf-16", "utf-32")
_HANDLER = "lumos-wrong-bytes"
_WRONG = re.compile(rb"(?:\xed[\xb0-\xb3][\x80-\xbf])+")
"""Wrong bytes of another encoding, as they are marked: each a lone surrogate, which no UTF-8 may hold."""


class Text:
    """The text of a stream, to be read once.

    UTF-8 goes through as it is and is checked later, record by record. All else is decoded here; a byte that has no
    meaning becomes one that UTF-8 does not allow, so that it is found at the same time and costs its own row only.
    `encoding` is the one that was found.
    """

    def __init__(self, url: str, raw: Any, encoding: str) -> None:
        self.name = shown(url)
        self._raw = raw
        self._taken = 0
        first = self._first_bytes()
        self.encoding, mark = self._found(first, encoding)
        self._rest = first[len(mark) :]
        self._decoder = None
        if self.encoding != "utf-8":
            codecs.register_error(_HANDLER, _marked)
            self._decoder = codecs.getincrementaldecoder(self.encoding)(_HANDLER)

    def read(self, size: int, /) -> bytes:
        """At most about `size` bytes; none at the end."""
        while True:
            data, self._rest = self._rest or self._read(size), b""
            if self._decoder is None:
                return data
            text = self._decoder.decode(data, final=not data).encode("utf-8", "surrogatepass")
            if text or not data:
                return text

    @property
    def position(self) -> int:
        """The byte of the file at which the text that was read ends."""
        return self._taken - (len(self._decoder.getstate()[0]) if self._decoder else 0)

    def ends_a_line(self, file: FileIO | None) -> bool:
        """Whether the last line has an end. Looked up at the end of `file`, or, for want of it, by reading all."""
        ends = [end.encode(self.encoding) for end in ("\n", "\r")]
        last = b""
        if file is not None:
            file.seek(-len(ends[0]), os.SEEK_END)
            return file.read() in ends
        while data := self.read(1 << 20):
            last = data[-1:]
        return last in (b"\n", b"\r")

    def length(self, text: memoryview) -> int:
        """How many bytes of the file hold a piece of its text."""
        if self._decoder is None:
            return len(text)
        wrong, right = 0, bytes(text)
        if b"\xed" in right:
            wrong = sum(len(marked) // 3 for marked in _WRONG.findall(right))
            right = _WRONG.sub(b"", right)
        return wrong + len(right.decode("utf-8", "replace").encode(self.encoding, "replace"))

    def _first_bytes(self) -> bytes:
        first = b""
        while len(first) < _LONGEST_MARK and (more := self._read(1 << 16)):
            first += more
        return first

    def _read(self, size: int) -> bytes:
        try:
            data = bytes(self._raw.read(size))
        except BROKEN as error:
            raise DataError(f"the compressed file {self.name} is broken or cut: {error}") from error
        except OSError as error:
            if error.errno is not None or isinstance(error, ConnectionError | TimeoutError):
                raise
            raise DataError(f"the compressed file {self.name} is broken or cut: {error}") from error
        self._taken += len(data)
        return data

    def _found(self, first: bytes, encoding: str) -> tuple[str, bytes]:
        """The encoding that the mark and the option agree on, and the mark. DataError where they do not agree."""
        wanted = encoding.removesuffix("-sig")
        for mark, of in _MARKS:
            if not first.startswith(mark) or (wanted.startswith("utf-16") and of.startswith("utf-32")):
                continue
            if of == wanted or of[:-3] == wanted:
                return of, mark
            if of != "gb18030":
                family = of[:-3] if of.startswith(_WITHOUT_ORDER) else of
                raise DataError(
                    f"{self.name} begins with the byte order mark of {family.upper()}: set encoding: {family}"
                )
        if first and wanted in _WITHOUT_ORDER:
            raise DataError(
                f"{self.name} does not begin with a byte order mark: set encoding: {wanted}-le or {wanted}-be"
            )
        return wanted, b""


def wrong_bytes(text: bytes, start: int) -> bytes:
    """The wrong bytes of the file that `text` holds from `start` on."""
    marked = _WRONG.match(text, start)
    return bytes(ord(mark) & 0xFF for mark in marked[0].decode("utf-8", "surrogatepass")) if marked else b""


def legible(text: bytes, encoding: str) -> str:
    """The text for a person, each wrong byte of the file as `\\xff`."""
    if encoding != "utf-8":
        text = _WRONG.sub(lambda found: _escaped(wrong_bytes(found[0], 0)), text)
    return text.decode(errors="backslashreplace")


def _escaped(wrong: bytes) -> bytes:
    return "".join(f"\\x{byte:02x}" for byte in wrong).encode()


def _marked(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end
