"""The connector of a plugin's author: rows in an Arrow file; and the same with one fault each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.errors import DataError, TerminalError, TransientError
from lumos_dagster.interface import ConnectionString, Extractor, Loader, LoadResult, Task


class ArrowExtractor(Extractor):
    """Reads the file."""

    path: str
    server: ConnectionString | None = None

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """All rows, by mapping the file into memory."""
        _reach(self.server)
        if not Path(self.path).exists():
            raise TerminalError(f"{self.path} is not there")
        with pa.memory_map(self.path) as file, pa.ipc.open_stream(file) as reader:
            yield reader


class ArrowLoader(Loader):
    """Writes the file."""

    path: str
    mode: Literal["append", "replace"] = "replace"
    server: ConnectionString | None = None

    def target(self) -> tuple[str, ...]:
        """The file."""
        return ("arrow", self.path)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Beside the file, one part for each load, and then all parts as the file."""
        _reach(self.server)
        file = Path(self.path)
        if not file.parent.is_dir():
            raise TerminalError(f"{file.parent} is not a folder")
        beside = file.with_name(f"{file.name}.new")
        written = self._spill(rows, beside, task)
        task.cancellation.check()
        parts = file.with_name(f"{file.name}.parts")
        parts.mkdir(exist_ok=True)
        if self.mode == "replace":
            for part in parts.iterdir():
                part.unlink()
        beside.rename(parts / task.run.load_id)
        _join(sorted(parts.iterdir()), file)
        return LoadResult(inserted=written)

    def _spill(self, rows: pa.RecordBatchReader, path: Path, task: Task) -> int:
        written = 0
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, rows.schema) as stream:
            for batch in rows:
                stream.write_batch(self.changed(batch))
                task.accept(batch)
                written += batch.num_rows
        return written

    def changed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What becomes of a batch: nothing, but for the faulty ones."""
        return batch


class EmptyTextIsNull(ArrowLoader):
    """Takes the empty text for null, as many do."""

    def changed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The fault."""
        arrays = [
            pc.if_else(pc.equal(column, ""), None, column) if pa.types.is_string(column.type) else column
            for column in batch.columns
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


class Doubling(ArrowLoader):
    """Does not know its own load again."""

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """The fault."""
        task.run = type(task.run)(**vars(task.run) | {"load_id": str(time.perf_counter_ns())})
        return super().write(rows, task)


class Narrowing(ArrowLoader):
    """Drops a column that came later, without a word."""

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """The fault."""
        narrow = pa.schema([field for field in rows.schema if field.name != "note"])
        batches = (batch.select(narrow.names) for batch in rows)
        return super().write(pa.RecordBatchReader.from_batches(narrow, batches), task)


class Collecting(ArrowLoader):
    """Reads all rows before it writes any."""

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """The fault."""
        return super().write(rows.read_all().to_reader(), task)


class Miscounting(ArrowLoader):
    """Forgets a row in its counts."""

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """The fault."""
        return LoadResult(inserted=super().write(rows, task).inserted - 1)


class LeavingOpen(ArrowExtractor):
    """Never closes its file."""

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """The fault."""
        _LEFT.append(pa.OSFile(self.path))
        with super().read(task) as rows:
            yield rows


class Talkative(ArrowExtractor):
    """Puts its address into the error."""

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """The fault."""
        raise TransientError(f"cannot reach {self.server.get_secret_value() if self.server else ''}")
        yield


_LEFT: list[pa.NativeFile] = []


def _reach(server: ConnectionString | None) -> None:
    if server is not None:
        raise TransientError("nobody answers")


def _join(parts: list[Path], file: Path) -> None:
    beside = file.with_name(f"{file.name}.joined")
    schema = pa.ipc.open_stream(parts[-1]).schema
    for part in parts:
        if (other := pa.ipc.open_stream(part).schema) != schema:
            raise DataError(f"columns {other.names} where the file has {schema.names}")
    with pa.OSFile(str(beside), "wb") as target, pa.ipc.new_stream(target, schema) as stream:
        for part in parts:
            with pa.memory_map(str(part)) as source, pa.ipc.open_stream(source) as reader:
                for batch in reader:
                    stream.write_batch(batch)
    beside.rename(file)
