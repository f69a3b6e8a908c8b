"""Compression, by a file's suffix or by name: unpacked block by block, and told apart from a broken or cut file."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import PurePosixPath
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import pyarrow as pa

Compression = Literal["none", "gzip", "zstd", "bz2", "xz"]
BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
"""What the readers raise for bytes that are not what they should be, but for an OSError without a number."""
_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> Any:
        """Take all of them."""


def packing_of(url: str, said: Compression | None) -> Compression:
    """What was said, or what the suffix says; a URL's query has no say."""
    path = urlsplit(url).path if url.startswith(("http://", "https://")) else url
    return said or _SUFFIXES.get(PurePosixPath(path).suffix.lower(), "none")


def unpacked(raw: Any, packing: Compression) -> Any:
    """A stream of the unpacked bytes; several members one after another are one text."""
    match packing:
        case "gzip":
            return gzip.GzipFile(fileobj=raw)
        case "bz2":
            return _Members(raw, bz2.BZ2Decompressor)
        case "xz":
            return _Members(raw, lzma.LZMADecompressor)
        case "zstd":
            return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
        case "none":
            return raw


class _Members(RawIOBase):
    """The members of a bz2 or xz file: Python's own files pass over what stands behind the last one, rows or not."""

    _CHUNK = 1 << 18

    def __init__(self, raw: Any, decompressor: Callable[[], Any]) -> None:
        self._raw = raw
        self._new = decompressor
        self._member = decompressor()

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""
        while True:
            rest = b""
            if self._member.eof:
                rest = self._member.unused_data.lstrip(b"\0")
                while not rest:
                    chunk = self._raw.read(self._CHUNK)
                    if not chunk:
                        return b""
                    rest = chunk.lstrip(b"\0")
                self._member = self._new()
            elif self._member.needs_input:
                rest = self._raw.read(self._CHUNK)
                if not rest:
                    raise EOFError("it ends within a member")
            if data := bytes(self._member.decompress(rest, size)):
                return data


@contextmanager
def packed(stream: Sink, packing: Compression) -> Iterator[Sink]:
    """A sink whose bytes end up packed in `stream`, as one member; whole when the block has ended."""
    files: Any = stream
    match packing:
        case "none":
            yield stream
        case "zstd":
            yield _Zstd(stream)
        case "gzip":
            with gzip.GzipFile(filename="", mode="wb", fileobj=files, mtime=0) as file:
                yield file
        case "bz2":
            with bz2.BZ2File(files, "wb") as file:
                yield file
        case "xz":
            with lzma.LZMAFile(files, "wb") as file:
                yield file


class _Zstd:
    """A frame for each piece of text; a file of many frames is one text."""

    def __init__(self, stream: Sink) -> None:
        self._stream = stream
        self._codec = pa.Codec("zstd")

    def write(self, data: bytes, /) -> None:
        if data:
            self._stream.write(self._codec.compress(data, asbytes=True))
