"""What one database does its own way, declared in one place each: types, quoting, reading, writing, errors."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from lumos_dagster.connectors.jdbc.forms import Forms
from lumos_dagster.connectors.jdbc.urls import Parts, read_url
from lumos_dagster.errors import LumosError
from lumos_dagster.passage import Passage

Translating = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Column:
    """A column of a target table. `type` is what values are converted to, strictly; `stored` a second, exact step.

    `max_length` counts characters; `nullable` is False where null is refused; `has_default` where the
    column may be left out; `never` is a text that no value may contain, `pattern` a regular expression that
    each must match, `labels` are all the values there are; `fraction` is how many digits of a second are kept;
    `is_array` where lists have a spelling of their own; `nan_is_null` where NaN cannot be kept; `is_finite`
    where neither NaN nor infinity has a place; `empty_is_null` where "" cannot be kept; `max_bytes` counts those of
    UTF-8; `grid` are a number of microseconds and what may remain of a moment divided by it; `is_identity` where the
    database numbers rows unless told otherwise; `is_truth` where the texts true and false mean 1 and 0; `collation`
    is what a column that compares like this one is declared with.
    """

    name: str
    type: pa.DataType
    sql_type: str
    nullable: bool = True
    has_default: bool = False
    max_length: int | None = None
    stored: pa.DataType | None = None
    never: str = ""
    pattern: str = ""
    labels: Sequence[str | int] = ()
    fraction: int | None = None
    is_array: bool = False
    nan_is_null: bool = False
    is_finite: bool = False
    is_truth: bool = False
    empty_is_null: bool = False
    max_bytes: int | None = None
    grid: Sequence[int] = ()
    is_identity: bool = False
    collation: str = ""


@dataclass(frozen=True)
class AtOnce:
    """A form of upsert that is refused, as bad data, where a key comes twice, so that twins need not be looked for.

    `inserted` tells how many rows the transaction has inserted into the target so far; None where the database does
    not count that.
    """

    form: str
    inserted: Callable[[], int] | None = None


class Database(ABC):
    """One kind of database. `raw` is always the driver's own connection, in an open transaction."""

    name: ClassVar[str]
    technology: ClassVar[str]
    schemes: ClassVar[tuple[str, ...]]
    driver: ClassVar[str]
    port: ClassVar[int] = 0
    in_a_file: ClassVar[bool] = False
    parameter_marks: ClassVar[str] = r"\?"
    """What stands between a file's path and parameters, as a regular expression."""
    default_schema: ClassVar[str] = ""
    schema_is_database: ClassVar[bool] = False
    """Whether the schema in front of a table's name is another database of the server."""
    forms: ClassVar[Forms] = Forms()
    """How it spells the statements that all databases know."""
    swaps: ClassVar[bool] = True
    """Whether a replaced table is made beside the old one, which can be read until the end."""
    ddl_commits: ClassVar[bool] = False
    """Whether making, swapping or altering a table commits the transaction around it."""
    sends_rows: ClassVar[bool] = False
    """Whether rows go by INSERT, so many to a round trip as `batch_size` says, and not by a bulk path."""
    dates_are_text: ClassVar[bool] = False
    """Whether dates and times are kept, and compared, as text."""
    shares_snapshots: ClassVar[bool] = False
    """Whether several connections can read one state of the data, as `begin_together` lets them."""
    fills_together: ClassVar[bool] = False
    """Whether several connections can fill one table at the same time."""
    max_name_bytes: ClassVar[int] = 0
    """How much of a name is kept, where not all of it is."""
    parameters: ClassVar[Mapping[str, str]] = {}
    """Parameters of the URL, and what the driver calls them."""
    refused: ClassVar[Mapping[str, str]] = {}
    """Parameters that are known, but cannot be had here, with what to do instead."""
    folds_parameters: ClassVar[bool] = False
    """Whether upper and lower case are the same in the name of a parameter."""

    @property
    def driver_module(self) -> str:
        """The driver's package."""
        return self.driver.rpartition("+")[2]

    @property
    def example(self) -> str:
        """A connection string as it should be."""
        if self.in_a_file:
            return f"jdbc:{self.schemes[0]}:/path/to/file.db"
        return f"jdbc:{self.schemes[0]}://host:port/database?parameter=value"

    def read_url(self, rest: str) -> Parts | None:
        """The parts of a connection string behind its scheme; None where it makes no sense."""
        return read_url(rest)

    def connect(self, url: Any, options: Mapping[str, Any]) -> Any:
        """The driver's own connection, to what a sqlalchemy.URL names."""
        dialect = url.get_dialect()()
        arguments, known = dialect.create_connect_args(url)
        return dialect.import_dbapi().connect(*arguments, **{**known, **options})

    @abstractmethod
    def connect_options(self) -> dict[str, Any]:
        """What the driver is told beside the URL, which goes before it."""

    @abstractmethod
    def driver_errors(self) -> type[Exception]:
        """The base of the driver's own errors; importing the driver only now."""

    @abstractmethod
    def error(self, error: Exception) -> LumosError:
        """The driver's error as one of ours: may pass, will not, or bad data. Its text holds no password of ours."""

    @abstractmethod
    def cancel(self, raw: Any, another: Callable[[], Any]) -> None:
        """Break a call that blocks; from another thread. `another` opens a second connection."""

    @abstractmethod
    def begin(self, raw: Any, waiting: Iterator[None], writes: bool) -> None:
        """Open the transaction; `waiting` is advanced while somebody else holds the database, and ends the wait."""

    def begin_together(self, raws: Sequence[Any], waiting: Iterator[None]) -> None:
        """Open a transaction for reading on each connection, all in one state of the data if `shares_snapshots`."""
        for raw in raws:
            self.begin(raw, waiting, writes=False)

    @abstractmethod
    def commit(self, raw: Any, waiting: Iterator[None]) -> None:
        """Commit, with `waiting` as in `begin`."""

    def execute(self, raw: Any, statement: str, values: Sequence[object] = ()) -> Any:
        """Run one statement; gives the driver's cursor. With values, a % in the statement may have to be doubled."""
        cursor = raw.cursor()
        cursor.execute(statement, *([values] if values else []))
        return cursor

    def wait_turn(self, raw: Any, schema: str | None, table: str) -> None:  # noqa: B027 - one writer has its turn
        """Hold back, until the transaction ends, whoever else is about to make, swap or alter this table."""

    def check_script(self, script: str) -> None:  # noqa: B027 - most databases take back what a script does
        """Raise TerminalError where a script would commit by itself, before it is run."""

    def check_target(self, raw: Any, schema: str | None, table: str, replaced: bool) -> None:  # noqa: B027
        """Raise TerminalError where a table cannot keep the load's promise, and the database would not say so."""

    @abstractmethod
    def run_script(self, raw: Any, script: str) -> None:
        """Run one or more statements of the user's as they are. TerminalError where they end the transaction."""

    def name_problem(self, name: str) -> str:
        """Why the database would cut, change or refuse this name of a table or column; "" where it does not."""
        size = len(name.encode())
        if 0 < self.max_name_bytes < size:
            return f"has {size} bytes, and the database keeps only {self.max_name_bytes} of a name"
        return ""

    @abstractmethod
    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        """The table's columns in order; none where there is no such table."""

    @abstractmethod
    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        """The sets of columns that the table holds unique."""

    def upsert_at_once(self, raw: Any, schema: str | None, table: str) -> AtOnce | None:
        """A form of upsert for rows of which nobody has looked whether a key comes twice; None where there is none."""
        return None

    @abstractmethod
    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        """The tables and views of a schema, for a "did you mean"."""

    @abstractmethod
    def sql_type(self, kind: pa.DataType) -> str:
        """The type of a column that is made for values of this kind. ValueError where there is none."""

    def key_type(self, kind: pa.DataType) -> str:
        """The same for a column of a primary key."""
        return self.sql_type(kind)

    def text_type(self, width: int) -> str:
        """The type of a column for texts of so many characters."""
        return f"varchar({width})"

    @abstractmethod
    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        """Put batches, already in the columns' types, into a table (quoted name); gives the rows that arrived."""

    def append_passage(
        self, raw: Any, table: str, columns: Sequence[Column], passage: Passage, sample: list[dict[str, Any]]
    ) -> int | None:
        """Put in the rows of a passage that the table takes just as they are; None where it does not."""
        return None

    def way_in(self, raw: Any, columns: Sequence[Column]) -> str:
        """The way that `append` takes for rows of such columns, where there is more than one."""
        return ""

    @abstractmethod
    def read(
        self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        """The query's rows in bounded memory, `rows` at a time, one consistent snapshot."""

    def passage(self, raw: Any, query: str, parameters: Mapping[str, Any], translating: Translating) -> Passage | None:
        """The query's rows as the server spells them, before `read` has asked for the first; None where it cannot.

        `translating` is a block in which the driver's errors become ours.
        """
        return None

    def driver_parameters(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """The parameters of the URL as the driver takes them."""
        return {self.parameters[name]: value for name, value in parameters.items()}

    def quote(self, *names: str | None) -> str:
        """The quoted name, qualified by those before it."""
        return self.forms.quote(*names)


def is_binary(kind: pa.DataType) -> bool:
    """Whether a column that is made for such values is one of bytes."""
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def made_for(kind: pa.DataType, types: Iterable[tuple[Callable[[pa.DataType], bool], str]], database: str) -> str:
    """The first of a database's types that is for such values. ValueError where none is."""
    for is_kind, name in types:
        if is_kind(kind):
            return name
    raise ValueError(f"{database} has no column type for {kind}")
