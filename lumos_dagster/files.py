"""Files anywhere fsspec reaches: opened by `with`, and written whole or not at all."""

import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BufferedIOBase, BufferedWriter, FileIO
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from lumos_dagster.errors import ConfigError


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a path or URL, and the path within it.

    Raises ConfigError for a protocol that is unknown or whose package is not installed.
    """
    if "://" not in url and "::" in url:  # a file's name, where fsspec would see a chain of protocols
        return LocalFileSystem(), str(Path(url).absolute())
    try:
        file_system, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"cannot open {shown(url)!r}: {error}") from error
    return file_system, path


def shown(url: str) -> str:
    """The path or URL as it may be shown: without the password and the query, which may be a signature."""
    if "://" not in url:
        return url
    address, query, _ = url.partition("?") if url.startswith(("http://", "https://")) else (url, "", "")
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", address) + ("?***" if query else "")


def join(base: str, *parts: str) -> str:
    """`base/part/part`, for local folders and URLs alike."""
    return "/".join((base.rstrip("/"), *parts))


def is_local(url: str) -> bool:
    """Whether the file lies on this machine."""
    return isinstance(filesystem(url)[0], LocalFileSystem)


def absolute(url: str) -> str:
    """The absolute path of a local file, the URL of another: one text for one place."""
    file_system, path = filesystem(url)
    return str(path) if isinstance(file_system, LocalFileSystem) else str(file_system.unstrip_protocol(path))


def dataset(url: str) -> tuple[str, ...]:
    """A file's name in parts, the same for a path within the working folder however it is written."""
    if "://" in url:
        return tuple(part for part in re.split("[/:]+", _ADDRESS.sub(r"\1", url.partition("?")[0])) if part)
    path = os.path.normpath(os.path.expanduser(url))  # noqa: PTH111 - pathlib does not take `..` away
    inside = os.path.relpath(path) if Path(path).is_absolute() else path
    return tuple(part for part in Path(path if inside.startswith("..") else inside).parts if part not in ("/", ""))


_ADDRESS = re.compile(r"(://)[^/@]*@")


@contextmanager
def open_input(url: str) -> Iterator[BufferedIOBase]:
    """Open a file for reading bytes; closed with the context."""
    file_system, path = filesystem(url)
    with file_system.open(path, "rb") as stream:
        yield stream


@contextmanager
def open_atomic(url: str, mode: int = 0o666) -> Iterator[BufferedIOBase]:
    """Open a file for writing that appears under its name only when the block ends without an error.

    On a local disk: written beside it, flushed to the disk, renamed over; what a killed writer left
    beside it is removed. Elsewhere a stream is
    opened in a transaction of the file system, so that a failed write leaves the old file.
    """
    file_system, path = filesystem(url)
    if not isinstance(file_system, LocalFileSystem):
        # A transaction belongs to the instance: one within another on the same would end both.
        alone, path = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        with alone.transaction, alone.open(path, "wb") as stream:
            yield stream
        return
    target = Path(path).resolve()  # a link stays a link
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        mode &= target.stat().st_mode  # who could not read the old file cannot read the new one
    _drop_leftovers(target)
    stream = _opened_beside(target, mode)
    beside = Path(stream.name)
    try:
        with stream:
            yield stream
            stream.flush()
            stream.raw.sync()
            beside.replace(target)  # while it is locked still
        _sync_folder(target.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise


@contextmanager
def temporary_file(name: str) -> Iterator[Path]:
    """An empty file in the folder for temporary files that has a path until the block ends.

    What killed processes left there under the same name is removed.
    """
    target = Path(tempfile.gettempdir()) / name
    _drop_leftovers(target)
    with _opened_beside(target, 0o600) as stream:
        try:
            yield Path(stream.name)
        finally:
            Path(stream.name).unlink()


_FLUSH_BYTES = 16 << 20


class _Steady(FileIO):
    """A file that goes to the disk while it is being written, so that its end need not wait for all of it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(path, "wb", opener=lambda *_: descriptor)
        self._unflushed = 0
        self._disk = ThreadPoolExecutor(1, "disk")
        self._flush: Future[None] | None = None

    def write(self, data: Any, /) -> int:
        """OSError also for what was written before."""
        written = super().write(data)
        self._unflushed += written
        if self._unflushed >= _FLUSH_BYTES and (self._flush is None or self._flush.done()):
            self._wait()
            self._unflushed = 0
            self._flush = self._disk.submit(os.fsync, self.fileno())
        return written

    def sync(self) -> None:
        """All of it is on the disk."""
        self._wait()
        os.fsync(self.fileno())

    def close(self) -> None:
        """Once nobody flushes it."""
        self._disk.shutdown()
        super().close()

    def _wait(self) -> None:
        """The system tells an error of the disk once, to the first who asks."""
        if self._flush is not None:
            self._flush.result()


_HEAD = 40
"""How much of a file's name goes into that of the one beside it, which must be no longer than a name may be."""


def _opened_beside(target: Path, mode: int) -> "BufferedWriter[_Steady]":
    """A new file beside it, locked as long as it is open: a writer that is dead holds no lock any more."""
    while True:
        beside = target.with_name(f".{target.name[:_HEAD]}.{uuid.uuid4().hex[:8]}.tmp")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        stream = BufferedWriter(_Steady(beside, descriptor))
        _lock(stream.fileno(), waits=True)
        if os.fstat(descriptor).st_nlink:
            return stream
        stream.close()  # somebody took it for a dead one's, before it was locked


def _drop_leftovers(target: Path) -> None:
    """Remove what dead writers of this file have left."""
    pattern = re.compile(rf"\.{re.escape(target.name[:_HEAD])}\.[0-9a-f]{{8}}\.tmp")
    for path in [path for path in target.parent.iterdir() if pattern.fullmatch(path.name)]:
        with suppress(OSError), path.open("rb") as stream:
            if _lock(stream.fileno(), waits=False):
                path.unlink()


def _lock(descriptor: int, waits: bool) -> bool:
    """Take the lock of an open file; False where another has it, or where there are no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """A rename is only on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(url: str) -> None:
    """Remove a folder and all in it; one that is not there is fine."""
    file_system, path = filesystem(url)
    with suppress(FileNotFoundError):
        file_system.rm(path, recursive=True)
