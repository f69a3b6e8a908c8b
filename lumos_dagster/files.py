"""Files anywhere fsspec reaches: opened by `with`, and written whole or not at all."""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
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


@contextmanager
def open_input(url: str) -> Iterator[BufferedIOBase]:
    """Open a file for reading bytes; closed with the context."""
    file_system, path = filesystem(url)
    with file_system.open(path, "rb") as stream:
        yield stream


@contextmanager
def open_atomic(url: str, mode: int = 0o666) -> Iterator[BufferedIOBase]:
    """Open a file for writing that appears under its name only when the block ends without an error.

    On a local disk: written beside it, flushed to the disk, renamed over. Elsewhere a stream is
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
    beside = target.with_name(f".{target.name[:40]}.{uuid.uuid4().hex[:8]}.tmp")  # no longer than a name may be
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(target)
        _sync_folder(target.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise


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
