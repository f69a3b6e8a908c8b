"""Rows kept by key for other ops of the run, or for later runs; files in truth, so that every executor sees them."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, unquote

import pyarrow as pa
from pydantic import Field

from lumos_dagster.errors import ConfigError, DataError, Problem, TerminalError, TransientError
from lumos_dagster.files import filesystem, join, open_input
from lumos_dagster.interface import Extractor, Loader, LoadResult, Task
from lumos_dagster.problems import near
from lumos_dagster.relation import conform, united_schema
from lumos_dagster.spool import spool_writer
from lumos_dagster.values import Raw, RunContext

_PART = re.compile(r"(?P<generation>\d+)\.(?P<order>\d+)\.(?P<load>[0-9a-f]+)\.arrow")
_LONGEST_NAME = 120

Key = Annotated[str, Field(min_length=1)]


class MemoryExtractor(Extractor):
    """Reads the rows that a memory loader of this run kept, else those that an earlier run kept with `persist`."""

    run_scoped: ClassVar[bool] = True
    key: Key = "default"
    """The name that the rows were kept under."""
    required: bool = False
    """Whether it is an error that nothing was kept under the key; if not, there are no rows."""
    records: list[dict[str, Any]] | None = None
    """The rows themselves, in place of kept ones."""

    @classmethod
    def datasets(cls, options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
        """The key, unless the rows are given here."""
        return () if options.get("records") is not None else (("memory", str(options.get("key", "default"))),)

    def announced(self) -> pa.Schema | None:
        """Those of the rows that are given here."""
        return None if self.records is None else _table(self.records).schema

    def location(self) -> str:
        """The key."""
        return "" if self.records is not None else f"memory:{self.key}"

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """A reader over the kept rows."""
        if self.records is not None:
            yield _table(self.records).to_reader()
            return
        for shelf in _shelves(task.run):
            if parts := shelf.parts(self.key):
                with _read([part.url for part in parts]) as rows:
                    yield rows
                return
        if self.required:
            known = tuple(sorted({key for shelf in _shelves(task.run) for key in shelf.known()}))
            text = f"nothing is kept in memory under the key {self.key!r}; known keys: {', '.join(known) or 'none'}. "
            raise TerminalError(
                text + (near(self.key, known) or "Is the loader that keeps it among this op's parents?")
            )
        yield pa.RecordBatchReader.from_batches(pa.schema([]), [])


class MemoryLoader(Loader):
    """Keeps rows under a key."""

    run_scoped: ClassVar[bool] = True
    key: Key = "default"
    """The name to keep the rows under."""
    mode: Literal["replace", "append"] = "replace"
    """replace: the key holds exactly these rows afterwards. append: they come behind the old ones."""
    persist: bool = False
    """Whether later runs and other jobs may read the rows; if not, they live as long as the run."""

    @classmethod
    def datasets(cls, options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
        """The key."""
        return (("memory", str(options.get("key", "default"))),)

    def target(self) -> tuple[str, ...]:
        """The key."""
        return ("memory", self.key)

    def location(self) -> str:
        """The key."""
        return f"memory:{self.key}"

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Keep the rows as one part, which a retry of the same load writes again."""
        shelf = _shelves(task.run)[1 if self.persist else 0]
        old = shelf.parts(self.key)
        if self.mode == "append":
            self._check_fits([other.url for other in old if other.load != _load_id(task)], rows.schema)
        part = shelf.next_part(self.key, old, _load_id(task), replacing=self.mode == "replace")
        with spool_writer(part.url, rows.schema) as kept:
            for batch in rows:
                kept.write(batch)
                task.accept(batch)
            task.cancellation.check()
        if self.mode == "replace":
            shelf.remove(old)
        return LoadResult(inserted=kept.rows, bytes=kept.bytes)

    def _check_fits(self, urls: list[str], schema: pa.Schema) -> None:
        """What cannot stand behind the old rows is refused here, before it makes the key unreadable."""
        try:
            with _read(urls) as kept:
                united_schema([kept.schema, schema])
        except DataError as error:
            raise DataError(f"these rows cannot be appended to the key {self.key!r}: {error}") from None


@dataclass(frozen=True)
class _Part:
    """The rows of one load. Only the parts of the newest generation count, by their order.

    Replacing begins a generation with part 0, of which one counts where two loads did so at once; appended ones follow.
    """

    url: str
    generation: int
    order: int
    load: str


@dataclass(frozen=True)
class _Shelf:
    """A folder of keys, each a folder of parts. A part appears whole, so nothing else needs to be atomic."""

    url: str

    def known(self) -> list[str]:
        """What is kept here."""
        return [unquote(name) for name in _names(self.url)]

    def parts(self, key: str) -> list[_Part]:
        """The parts that count, in order."""
        folder = join(self.url, _folder(key))
        found = [
            _Part(join(folder, name), int(match["generation"]), int(match["order"]), match["load"])
            for name in _names(folder)
            if (match := _PART.fullmatch(name))
        ]
        newest = max((part.generation for part in found), default=0)
        counting = sorted(
            (part for part in found if part.generation == newest), key=lambda part: (part.order, part.load)
        )
        return [*[part for part in counting if part.order == 0][-1:], *[part for part in counting if part.order]]

    def next_part(self, key: str, old: list[_Part], load: str, replacing: bool) -> _Part:
        """Where a load's rows belong: over its own part, behind the others, or in a generation of their own."""
        generation = max((part.generation for part in old), default=0)
        order = max((part.order for part in old), default=0) + 1
        if replacing:
            generation, order = generation + 1, 0
        elif own := [part for part in old if part.load == load]:
            return own[0]
        name = f"{generation:06}.{order:06}.{load}.arrow"
        return _Part(join(self.url, _folder(key), name), generation, order, load)

    def remove(self, parts: list[_Part]) -> None:
        """Remove parts that no longer count."""
        for part in parts:
            file_system, path = filesystem(part.url)
            with suppress(FileNotFoundError):
                file_system.rm(path)


def _shelves(run: RunContext) -> tuple[_Shelf, _Shelf]:
    """The run's own and the one that outlives it."""
    own = join(run.storage, "memory", "run", quote(run.load_id, safe=""), run.job)
    return _Shelf(own), _Shelf(join(run.storage, "memory", "kept"))


def _load_id(task: Task) -> str:
    return hashlib.sha256("\0".join((task.run.load_id, task.run.job, task.op)).encode()).hexdigest()[:16]


def _folder(key: str) -> str:
    """A file name for any text; a long one is cut and told apart by its hash."""
    name = quote(key, safe="").replace(".", "%2E")
    return (
        name
        if len(name) <= _LONGEST_NAME
        else f"{name[:_LONGEST_NAME]}~{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    )


def _names(folder: str) -> list[str]:
    file_system, path = filesystem(folder)
    file_system.invalidate_cache()
    with suppress(FileNotFoundError):
        return [name.rstrip("/").rsplit("/", 1)[-1] for name in file_system.ls(path, detail=False)]
    return []


@contextmanager
def _read(urls: list[str]) -> Iterator[pa.RecordBatchReader]:
    with ExitStack() as stack:
        try:
            streams = [stack.enter_context(open_input(url)) for url in urls]
        except FileNotFoundError as error:
            raise TransientError("the rows kept in memory were replaced while they were opened") from error
        readers = [stack.enter_context(pa.ipc.open_stream(stream)) for stream in streams]
        schema = united_schema([reader.schema for reader in readers])
        batches = (conform(batch, schema) for reader in readers for batch in reader)
        yield pa.RecordBatchReader.from_batches(schema, batches)


def _table(records: list[dict[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(name for record in records for name in record))
    try:
        return pa.table({name: pa.array([_get(record, name) for record in records]) for name in names})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ConfigError(Problem(f"the records do not make a table: {error}", path="records")) from error


def _get(record: Mapping[str, Any], name: str) -> Any:
    return record.get(name)
