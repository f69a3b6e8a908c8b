"""Appends to a file all or nothing, and only once for each load, with a side file that remembers the old length."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from io import FileIO
from pathlib import Path

from lumos_dagster.errors import TerminalError
from lumos_dagster.files import open_atomic

SUFFIX = ".lumos-append"
_REMEMBERED = 100
"""Finished loads that are remembered, so that one of them retried is not appended again."""
_WAIT_SECONDS = 0.1


@dataclass(frozen=True)
class Load:
    """One load of one op; a retry of it is the same."""

    load: str
    job: str
    op: str


@dataclass(frozen=True)
class _Record:
    """The side file: which load is writing since which length, and up to which lengths others have written."""

    writing: Load | None = None
    before: int = 0
    done: tuple[tuple[Load, int], ...] = ()

    @staticmethod
    def read(path: Path) -> "_Record":
        try:
            text = path.read_text()
        except FileNotFoundError:
            return _Record()
        try:
            raw = json.loads(text)
            writing = Load(**raw["writing"]) if raw["writing"] else None
            return _Record(writing, int(raw["before"]), tuple((Load(**load), int(end)) for load, end in raw["done"]))
        except (ValueError, TypeError, KeyError) as error:
            raise TerminalError(
                f"{path} is not what Lumos wrote: {error}. See whether the file beside it is whole."
            ) from error

    def write(self, path: Path) -> None:
        if self == _Record():
            path.unlink(missing_ok=True)
            return
        with open_atomic(str(path)) as stream:
            stream.write(json.dumps(asdict(self)).encode())


@dataclass
class Appending:
    """The open file; `before` is where the new rows begin. `finished`: this load's rows are in it already."""

    file: FileIO
    before: int
    finished: bool = False

    def write(self, data: bytes, /) -> None:
        """Write all of it, at once: what a buffer still held could not be cut off after an error."""
        view = memoryview(data)
        while view:
            view = view[self.file.write(view) :]


@contextmanager
def appending(path: Path, load: Load, check: Callable[[], None]) -> Iterator[Appending]:
    """Open `path` at its end; after an error it is as it was before.

    What a dead attempt of the same load wrote is cut off first. Raises TerminalError where another load's attempt died
    while it wrote: its rows are in the file, and only that load may cut them off. `check` is called while another
    process has the file; it may raise.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    side = path.with_name(path.name + SUFFIX)
    with _locked(path, check) as file:
        record = _after_crash(_Record.read(side), load, file, path, side)
        before = file.seek(0, os.SEEK_END)
        if any(done == load and before >= end for done, end in record.done):
            yield Appending(file, before, finished=True)
            return
        replace(record, writing=load, before=before).write(side)
        try:
            yield Appending(file, before)
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(before)
            record.write(side)
            raise
        # The load is done when, and only when, this is written.
        done = (*record.done, (load, file.seek(0, os.SEEK_END)))[-_REMEMBERED:]
        _Record(done=done).write(side)


def _after_crash(record: _Record, load: Load, file: FileIO, path: Path, side: Path) -> _Record:
    """The record with nobody writing: what the same load left half written is cut off."""
    if record.writing is None:
        return record
    if record.writing != load:
        other = record.writing
        raise TerminalError(
            f"{path} was left half written by op {other.op!r} of job {other.job!r} (load {other.load}), which began at "
            f"byte {record.before}. Resume that run, or mend the file by hand and remove {side}."
        )
    if file.seek(0, os.SEEK_END) < record.before:
        raise TerminalError(f"{path} is shorter than when this load began to append to it: it was changed by another")
    file.truncate(record.before)
    return replace(record, writing=None, before=0)


@contextmanager
def _locked(path: Path, check: Callable[[], None]) -> Iterator[FileIO]:
    """The file, made if need be, for this process alone; `check` may end the wait for another one."""
    import fcntl

    existed = path.exists()
    while True:
        with FileIO(path, "ab+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                check()
                time.sleep(_WAIT_SECONDS)
                continue
            if not path.exists() or os.fstat(file.fileno()).st_ino != path.stat().st_ino:
                continue  # another process removed or replaced it meanwhile
            try:
                yield file
            except BaseException:
                if not existed:
                    path.unlink()
                raise
            return
