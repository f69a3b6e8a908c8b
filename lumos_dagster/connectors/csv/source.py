"""Finds CSV files and opens them as UTF-8 bytes, whatever their compression and encoding."""

import bz2
import codecs
import glob
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.csv.blocks import Stream
from lumos_dagster.errors import DataError, TerminalError, TransientError
from lumos_dagster.files import filesystem, is_local, open_input

_BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def find_files(places: tuple[str, ...]) -> list[str]:
    """The files of paths, URLs and globs, each glob's ordered by name. TerminalError where there is none."""
    return [file for place in places for file in _files_of(place)]


def _files_of(place: str) -> list[str]:
    file_system, path = filesystem(place)
    if file_system.isdir(path):
        raise TerminalError(f"{place} is a folder; write {place.rstrip('/')}/*.csv for the files in it")
    if file_system.exists(path):
        return [place]
    if not glob.has_magic(path):
        raise TerminalError(f"there is no file {place}. {_nearest(file_system, path)}")
    found = sorted(file for file in file_system.glob(path) if not file_system.isdir(file))
    if not found:
        raise TerminalError(f"no file matches {place}. {_nearest(file_system, path)}")
    return found if is_local(place) else [file_system.unstrip_protocol(file) for file in found]


def _nearest(file_system: Any, path: str) -> str:
    """What there is instead: a file of a similar name, or the folder down to which the path exists."""
    wanted = PurePosixPath(path)
    for folder in wanted.parents:
        if file_system.isdir(str(folder)):
            names = [PurePosixPath(name).name for name in file_system.ls(str(folder), detail=False)]
            similar = get_close_matches(wanted.name, names, n=3) if folder == wanted.parent else []
            return f"In {folder} there is: {', '.join(similar)}" if similar else f"The folder {folder} exists"
    return "None of its folders exists"


@contextmanager
def open_csv(url: str, encoding: str) -> Iterator[Stream]:
    """The file's text as UTF-8 bytes, decompressed by its suffix, without a byte order mark."""
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(open_input(url))
        except FileNotFoundError as error:
            raise TerminalError(f"there is no file {url} any more") from error
        except PermissionError as error:
            raise TerminalError(f"the file {url} may not be read: {error}") from error
        except OSError as error:
            raise TransientError(f"the file {url} cannot be opened: {error}") from error
        yield _Text(url, stack.enter_context(_decompressed(url, raw)), encoding)


def _decompressed(url: str, raw: Any) -> Any:
    match PurePosixPath(url).suffix.lower():
        case ".gz":
            return gzip.GzipFile(fileobj=raw)
        case ".bz2":
            return bz2.BZ2File(raw)
        case ".xz":
            return lzma.LZMAFile(raw)
        case ".zst":
            return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    return raw


class _Text:
    """UTF-8 goes through as it is, since it is checked later, record by record; all else is decoded here."""

    def __init__(self, url: str, raw: Any, encoding: str) -> None:
        self._url = url
        self._raw = raw
        self._encoding = codecs.lookup(encoding).name
        utf8 = self._encoding in ("utf-8", "utf-8-sig")
        self._decoder = None if utf8 else codecs.getincrementaldecoder(self._encoding)()
        self._taken = 0
        self._begun = False

    def read(self, size: int, /) -> bytes:
        """At most about `size` bytes; none at the end."""
        while True:
            data = self._read(size)
            self._taken += len(data)
            text = data if self._decoder is None else self._decode(data)
            if not self._begun and text:
                text = self._without_mark(text)
                self._begun = True
            if text or not data:
                return text

    def _read(self, size: int) -> bytes:
        try:
            return bytes(self._raw.read(size))
        except _BROKEN as error:
            raise DataError(f"the compressed file {self._url} is broken or cut: {error}") from error
        except OSError as error:
            if error.errno is None:  # from a decompressor, not from the system
                raise DataError(f"the compressed file {self._url} is broken or cut: {error}") from error
            raise TransientError(f"the file {self._url} cannot be read: {error}") from error

    def _decode(self, data: bytes) -> bytes:
        assert self._decoder is not None  # noqa: S101
        try:
            return self._decoder.decode(data, final=not data).encode()
        except UnicodeError as error:
            place = ""
            if isinstance(error, UnicodeDecodeError):
                wrong = " ".join(f"{byte:02x}" for byte in error.object[error.start : error.end])
                place = f" the bytes {wrong} at byte {self._taken - len(error.object) + error.start} are wrong:"
            raise DataError(f"{self._url} is not {self._encoding}:{place} {error}") from error

    def _without_mark(self, text: bytes) -> bytes:
        if self._decoder is None and text[:2] in _UTF16_MARKS:
            raise DataError(f"{self._url} begins with the byte order mark of UTF-16: set encoding: utf-16")
        return text.removeprefix(codecs.BOM_UTF8)
