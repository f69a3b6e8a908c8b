"""What one database does its own way, declared in one place each: types, quoting, reading, writing, errors."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import sqlalchemy as sa

from lumos_dagster.errors import LumosError


@dataclass(frozen=True)
class Column:
    """A column of a target table. `type` is what values are converted to, strictly; `stored` a second, exact step.

    `max_length` counts characters; `nullable` is False where null is refused; `has_default` where the
    column may be left out.
    """

    name: str
    type: pa.DataType
    sql_type: str
    nullable: bool = True
    has_default: bool = False
    max_length: int | None = None
    stored: pa.DataType | None = None


class Database(ABC):
    """One kind of database. `raw` is always the driver's own connection, in an open transaction."""

    name: ClassVar[str]
    technology: ClassVar[str]
    schemes: ClassVar[tuple[str, ...]]
    driver: ClassVar[str]
    port: ClassVar[int] = 0
    in_a_file: ClassVar[bool] = False
    parameters: ClassVar[Mapping[str, str]] = {}
    """Parameters of the URL, and what the driver calls them."""

    @abstractmethod
    def connect_options(self) -> dict[str, Any]:
        """What the driver is told beside the URL."""

    @abstractmethod
    def driver_errors(self) -> type[Exception]:
        """The base of the driver's own errors; importing the driver only now."""

    @abstractmethod
    def error(self, error: Exception) -> LumosError:
        """The driver's error as one of ours: may pass, will not, or bad data. Its text holds no password of ours."""

    @abstractmethod
    def cancel(self, raw: Any) -> None:
        """Break a call that blocks; from another thread."""

    @abstractmethod
    def begin(self, raw: Any, waiting: Iterator[None]) -> None:
        """Open the transaction; `waiting` is advanced while somebody else holds the database, and ends the wait."""

    @abstractmethod
    def run_script(self, raw: Any, script: str) -> None:
        """Run one or more statements of the user's as they are."""

    @abstractmethod
    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        """The table's columns in order; none where there is no such table."""

    @abstractmethod
    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        """The sets of columns that the table holds unique."""

    @abstractmethod
    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        """The tables of a schema, for a "did you mean"."""

    @abstractmethod
    def sql_type(self, kind: pa.DataType) -> str:
        """The type of a column that is made for values of this kind. ValueError where there is none."""

    @abstractmethod
    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        """Put batches, already in the columns' types, into a table (quoted name); gives the rows that arrived."""

    @abstractmethod
    def read(
        self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        """The query's rows in bounded memory, one consistent snapshot."""

    def quote(self, *names: str | None) -> str:
        """The quoted name, qualified by those before it."""
        dialect = sa.make_url(f"{self.driver}://").get_dialect()()
        return ".".join(dialect.identifier_preparer.quote_identifier(name) for name in names if name)
