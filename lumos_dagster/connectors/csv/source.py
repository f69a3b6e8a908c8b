"""Finds CSV files and opens them as text, wherever fsspec reaches."""

import glob
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any

from lumos_dagster.connectors.csv.packing import Compression, packing_of, unpacked
from lumos_dagster.connectors.csv.text import Text
from lumos_dagster.errors import LumosError, TerminalError, TransientError
from lumos_dagster.files import absolute, filesystem, is_local, open_input, shown

_WEB = ("http://", "https://")


def find_files(places: tuple[str, ...]) -> list[str]:
    """The files of paths, URLs and globs, each glob's ordered by name, and each file once, however often it is named.

    TerminalError where there is none.
    """
    found = {place_of(file): file for place in reversed(places) for file in reversed(_files_of(place))}
    return list(reversed(found.values()))


def place_of(file: str) -> str:
    """One text for one file, whichever links lead to it."""
    return os.path.realpath(absolute(file)) if is_local(file) else absolute(file)


def _files_of(place: str) -> list[str]:
    file_system, path = filesystem(place)
    if not has_magic(place):
        if is_local(place):
            _check_local(place, file_system, path)
        return [place]  # elsewhere it is missed when it is opened, which saves a question over the network
    if file_system.isfile(path):
        return [place]
    found = sorted(file for file in file_system.glob(path) if not file_system.isdir(file))
    if not found:
        raise TerminalError(f"no file matches {shown(place)}. {_nearest(file_system, path)}")
    files = found if is_local(place) else [file_system.unstrip_protocol(file) for file in found]
    for file in files:
        _check_name(file)
    return files


def has_magic(place: str) -> bool:
    """Whether it may stand for many files; a ? in a web address begins its query."""
    return glob.has_magic(place.partition("?")[0] if place.startswith(_WEB) else place)


def _check_local(place: str, file_system: Any, path: str) -> None:
    _check_name(place)
    if file_system.isfile(path):
        return
    if file_system.isdir(path):
        raise TerminalError(f"{place} is a folder; write {place.rstrip('/')}/*.csv for the files in it")
    if file_system.exists(path):
        raise TerminalError(f"{place} is not a file that can be read more than once; keep its rows in one first")
    raise TerminalError(f"there is no file {place}. {_nearest(file_system, path)}")


def _check_name(file: str) -> None:
    """A name of bytes that are no text could stand in no message and no column."""
    try:
        file.encode()
    except UnicodeEncodeError as error:
        raise TerminalError(f"the name of the file {file!a} is not UTF-8; rename it") from error


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
def open_csv(url: str, encoding: str, compression: Compression | None = None) -> Iterator[Text]:
    """The file's text, decompressed by its suffix or as said. What the network breaks is a TransientError."""
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(open_input(url))
            yield Text(url, stack.enter_context(unpacked(raw, packing_of(url, compression))), encoding)
        except FileNotFoundError as error:
            # fsspec says so of whatever a web server answers, and of none that answers.
            if isinstance(error.__cause__, _troubles()) and getattr(error.__cause__, "status", 0) != 404:
                raise _troubled(url, error.__cause__) from error
            raise TerminalError(f"there is no file {shown(url)}") from error
        except IsADirectoryError as error:
            raise TerminalError(f"{shown(url)} is a folder; write {shown(url)}/*.csv for the files in it") from error
        except PermissionError as error:
            raise TerminalError(f"the file {shown(url)} may not be read: {error.strerror or 'forbidden'}") from error
        except _troubles() as error:
            raise _troubled(url, error) from error


def _troubles() -> tuple[type[Exception], ...]:
    """What file systems raise; the web's client has errors of its own, known once it is loaded."""
    client = sys.modules.get("aiohttp")
    return (OSError, client.ClientError) if client else (OSError,)


def _troubled(url: str, error: Exception) -> LumosError:
    status = getattr(error, "status", None)
    what = f"HTTP {status}" if status else getattr(error, "strerror", None) or type(error).__name__
    refused = status is not None and 400 <= status < 500 and status not in (408, 425, 429)
    return (TerminalError if refused else TransientError)(f"the file {shown(url)} cannot be read: {what}")
