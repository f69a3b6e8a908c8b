"""DuckDB for what needs all rows at once: shut off from the outside, bounded in memory, spilling to disk."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
from pydantic import AfterValidator

from lumos_dagster.accounting import Task
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.errors import ConfigError, DataError, Problem, TerminalError
from lumos_dagster.files import filesystem, is_local, join
from lumos_dagster.interface import BATCH_ROWS

if TYPE_CHECKING:
    import duckdb

_BATCH_BYTES = 16 << 20
_BYTES_PER_THREAD = 128 << 20
_SIZE = r"([1-9][0-9]*(?:\.[0-9]+)?)\s*([KMGT]i?B)"
_CHUNK = "_lumos_chunk"
_SHUT = (
    "set errors_as_json = true",
    "set TimeZone = 'UTC'",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


def _memory(text: str) -> str:
    if not re.fullmatch(_SIZE, text.strip()):
        raise ValueError("must be a size such as 512MB or 2GB")
    return text.strip()


Memory = Annotated[str, AfterValidator(_memory)]
"""How much memory may be used, such as 512MB; beyond it rows are kept on the disk."""


class QueryError(Exception):
    """What DuckDB says against a query: its words, and the character that they are about where it tells."""

    def __init__(self, message: str, place: int | None) -> None:
        super().__init__(message)
        self.place = place


class Engine:
    """Tables filled from Arrow and queries over them. Every method raises errors of ours; closed by `opened`."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", limit: str, cancellation: Cancellation) -> None:
        self._connection = connection
        self._limit = limit
        self._cancellation = cancellation

    def create(self, name: str, schema: pa.Schema, columns: Sequence[str]) -> None:
        """An empty table with columns of these names; ConfigError for a type that has no exact counterpart here."""
        names = ", ".join(map(quoted, columns))
        empty = _stored(schema).empty_table()
        try:
            self._insert(f"create table {quoted(name)} ({names}) as", empty)
        except DataError as error:
            raise ConfigError(Problem(f"the columns cannot be worked on here: {error}")) from None

    def alias(self, name: str, table: str) -> None:
        """Let the table go by another name too."""
        self._connection.execute(f"create view {quoted(name)} as select * from {quoted(table)}")

    def fill(self, name: str, rows: pa.RecordBatchReader) -> None:
        """Put all rows into the table, read in this thread, since what opened them may belong to it."""
        schema = _stored(rows.schema)
        held: list[pa.RecordBatch] = []
        for batch in rows:
            held.append(batch)
            if sum(map(len, held)) >= BATCH_ROWS or sum(piece.nbytes for piece in held) >= _BATCH_BYTES:
                self._insert(f"insert into {quoted(name)}", _cast(pa.Table.from_batches(held), schema))
                held.clear()
        if held:
            self._insert(f"insert into {quoted(name)}", _cast(pa.Table.from_batches(held), schema))

    def bind(self, query: str) -> pa.Schema:
        """The columns that a query gives. Raises QueryError, its place counted from 0 within the query."""
        explain = "explain "
        try:
            self._connection.execute(f"{explain}{query}").fetchall()
            with closing(self._connection.sql(query).to_arrow_reader(1)) as reader:
                found: pa.Schema = reader.schema
                return found
        except self._errors as error:
            message, place = _told(error)
            raise QueryError(message, None if place is None else characters(query, place - len(explain))) from None

    def tree(self, query: str) -> Any:
        """The query's parts as DuckDB reads them. Raises QueryError for what is not one SELECT."""
        found = self._connection.execute("select json_serialize_sql(?::varchar)", [query]).fetchall()
        told = json.loads(found[0][0])
        if told.get("error"):
            place = told.get("position")
            if told.get("error_type") == "not implemented":
                raise QueryError("this is no SELECT, and nothing else is allowed here", None)
            raise QueryError(str(told["error_message"]), None if place is None else characters(query, int(place)))
        return told["statements"]

    def rows(self, query: str) -> Iterator[pa.RecordBatch]:
        """What the query gives, batch by batch. Raises DataError for values that it cannot work on."""
        try:
            with closing(self._connection.sql(query).to_arrow_reader(BATCH_ROWS)) as reader:
                yield from reader
        except (pa.ArrowException, OSError) as error:
            raise self._refused(error) from None
        except self._errors as error:
            raise self._refused(error) from None

    def interrupt(self) -> None:
        """Break what runs; from any thread."""
        self._connection.interrupt()

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        import duckdb

        return (duckdb.Error,)

    def _insert(self, statement: str, table: pa.Table) -> None:
        self._connection.register(_CHUNK, table)
        try:
            self._connection.execute(f"{statement} select * from {_CHUNK}")
        except self._errors as error:
            raise self._refused(error) from None
        finally:
            self._connection.unregister(_CHUNK)

    def _refused(self, error: Exception) -> Exception:
        self._cancellation.check()
        message, _ = _told(error)
        if "Out of Memory" in str(error):
            return TerminalError(
                f"memory_limit {self._limit} is too little for these rows: raise it. ({message.partition(chr(10))[0]})"
            )
        return DataError(message)


@contextmanager
def opened(limit: Memory, task: Task | None = None) -> Iterator[Engine]:
    """An engine of its own; with a task, for its rows: they spill beside the run's spool, and a cancel breaks it."""
    import duckdb

    with TemporaryDirectory(prefix=".spill-", dir=_spill_folder(task), ignore_cleanup_errors=True) as folder:
        options: Mapping[str, Any] = {
            "memory_limit": limit,
            "temp_directory": folder,
            "threads": _threads(limit),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        }
        with closing(duckdb.connect(":memory:", config=dict(options))) as connection:
            for statement in _SHUT:
                connection.execute(statement)
            cancellation = task.cancellation if task else Cancellation()
            engine = Engine(connection, limit, cancellation)
            with cancellation.interrupting(engine.interrupt):
                yield engine


def _threads(limit: str) -> int:
    """Each thread holds pages of its own: with too many of them, little memory would not do for what could spill."""
    size, unit = re.fullmatch(_SIZE, limit).groups()  # type: ignore[union-attr] # as Memory has checked
    each = float(size) * 1024 ** ("KMGT".index(unit[0]) + 1) / _BYTES_PER_THREAD
    return max(1, min(int(each), os.cpu_count() or 1, 4))


def _spill_folder(task: Task | None) -> str | None:
    """Beside the rows that the run keeps, so that they are cleared with them whatever happens to the process."""
    if task is None or not is_local(task.run.storage):
        return None
    folder = Path(filesystem(join(task.run.storage, "spool", task.run.run_id))[1])
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def characters(query: str, byte: int) -> int:
    """The character that begins at a byte of the query."""
    return len(query.encode()[:byte].decode(errors="ignore"))


def quoted(name: str) -> str:
    """The name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def stored_type(field: "pa.Field[Any]") -> pa.DataType:
    """The type in which a column's values are kept, which loses none. Raises ConfigError where there is none."""
    kind: Kind = field.type
    if pa.types.is_dictionary(kind):
        return stored_type(field.with_type(kind.value_type))
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_decimal256(kind) or pa.types.is_union(kind) or isinstance(kind, pa.BaseExtensionType):
        message = f"column {field.name!r} is {kind}, which cannot be worked on here"
        raise ConfigError(Problem(message, hint="Convert it (convert_field)."))
    plain: pa.DataType = kind
    return plain


def as_type(values: Array, kind: pa.DataType) -> Array:
    """Values that the engine gives, in the type that they shall have. Raises DataError where one does not fit."""
    if values.type == kind:
        return values
    try:
        if pa.types.is_dictionary(kind):
            return as_type(values, kind.value_type).dictionary_encode().cast(kind)
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"a value does not fit {kind}: {error}") from error


def _stored(schema: pa.Schema) -> pa.Schema:
    """The columns as they are kept, known by their place, since DuckDB sees no difference between Id and id."""
    return pa.schema([pa.field(f"c{place}", stored_type(field)) for place, field in enumerate(schema)])


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return table.rename_columns(schema.names).cast(schema)


def _told(error: Exception) -> tuple[str, int | None]:
    """DuckDB's words, and the byte that they are about."""
    text = str(error)
    start = text.find("{")
    try:
        found = json.loads(text[start:]) if start >= 0 else {}
    except ValueError:
        found = {}
    message = str(found.get("exception_message", text))
    place = found.get("position")
    return message.split("\n\tCandidate functions", maxsplit=1)[0].strip(), None if place is None else int(place)


class Hashes:
    """The hashes of a column's texts, in hex digits, of `salt` and the text; callable from any thread."""

    def __init__(self, algorithm: str, salt: str) -> None:
        self._query, self._salt = f"select {algorithm}($salt || value) from given", salt

    @cached_property
    def _connection(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        return duckdb.connect(config={"threads": 1})

    def of(self, values: Array) -> Array:
        """One for each text, null for null."""
        with self._connection.cursor() as cursor:
            cursor.register("given", pa.table({"value": values}))
            found = cursor.sql(self._query, params={"salt": self._salt}).to_arrow_table()
        return found.column(0).combine_chunks()
