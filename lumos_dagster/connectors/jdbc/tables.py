"""The target table: found or made, and its columns matched with the input's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.connectors.jdbc.fitting import Fit
from lumos_dagster.errors import ConfigError, DataError, Problem, TerminalError
from lumos_dagster.problems import near


@dataclass(frozen=True)
class Table:
    """A table by name; `key` are the columns that tell its rows apart, for the modes that need them."""

    database: Database
    schema: str | None
    name: str
    key: tuple[str, ...] = ()

    @property
    def quoted(self) -> str:
        """The name as SQL takes it."""
        return self.database.quote(self.schema, self.name)

    def columns(self, raw: Any) -> list[Column]:
        """Its columns, none where it is not there."""
        return self.database.columns(raw, self.schema, self.name)

    def make(self, raw: Any, schema: pa.Schema, with_key: bool) -> None:
        """Create it for rows of this schema."""
        quote = self.database.quote
        try:
            parts = [f"{quote(field.name)} {self.database.sql_type(field.type)}" for field in schema]
        except ValueError as error:
            raise DataError(f"cannot create table {self.name!r}: {error}. Convert the column first.") from None
        if with_key:
            parts.append(f"PRIMARY KEY ({', '.join(quote(name) for name in self.key)})")
        raw.execute(f"CREATE TABLE {self.quoted} ({', '.join(parts)})")

    def missing(self, raw: Any) -> TerminalError:
        """The error of a table that is not there."""
        names = self.database.table_names(raw, self.schema)
        hint = near(self.name, names) or f"Tables there: {', '.join(names[:20]) or 'none'}."
        return TerminalError(f"there is no table {self.quoted}; set create_table: true to make it. {hint}")


@dataclass(frozen=True)
class Matching:
    """How the input's columns find the target's: `names` from the YAML's `columns`, and what to do with the rest."""

    names: Mapping[str, str]
    has_user_schema: bool
    schema_change: str

    def renamed(self, schema: pa.Schema) -> pa.Schema:
        """The input's columns under their names in the target. ConfigError for a name that is not there."""
        unknown = [name for name in self.names if name not in schema.names]
        if unknown:
            raise ConfigError(
                Problem(
                    f"columns: the input has no {name!r}", allowed=tuple(schema.names), hint=near(name, schema.names)
                )
                for name in unknown
            )
        fields = [field.with_name(self.names.get(field.name, field.name)) for field in schema]
        return pa.schema(fields)

    def fits(self, raw: Any, table: Table, schema: pa.Schema, task: Task) -> list[Fit]:
        """One Fit per column of the input that has a place; the rest is dealt with as asked."""
        columns = {column.name: column for column in table.columns(raw)}
        wanted = self.renamed(schema)
        extra = [field for field in wanted if field.name not in columns]
        if extra and self.schema_change == "add_columns" and not self.has_user_schema:
            columns |= self._add(raw, table, extra)
            extra = []
        self._settle(table, extra, list(columns), task)
        self._check_required(table, columns, set(wanted.names))
        return [
            Fit(columns[field.name], source, field.name in table.key)
            for source, field in zip(schema.names, wanted, strict=True)
            if field.name in columns
        ]

    def _add(self, raw: Any, table: Table, fields: Sequence["pa.Field[Any]"]) -> dict[str, Column]:
        for field in fields:
            kind = table.database.sql_type(field.type)
            raw.execute(f"ALTER TABLE {table.quoted} ADD COLUMN {table.database.quote(field.name)} {kind}")
        return {column.name: column for column in table.columns(raw)}

    def _settle(self, table: Table, extra: Sequence["pa.Field[Any]"], known: Sequence[str], task: Task) -> None:
        if not extra:
            return
        names = ", ".join(repr(field.name) for field in extra)
        if not self.has_user_schema and self.schema_change != "ignore":
            raise DataError(
                f"table {table.quoted} has no column {names}; it has {', '.join(known)}. Leave them out "
                "(remove_field), map them (columns), or set schema_change: add_columns or ignore"
            )
        task.log(f"{task.op}: left out, as table {table.quoted} has no such column: {names}")
        for field in extra:
            task.count.notes[f"column {field.name} left out"] = 0

    def _check_required(self, table: Table, columns: Mapping[str, Column], given: set[str]) -> None:
        absent = [
            name
            for name, column in columns.items()
            if name not in given and not column.nullable and not column.has_default
        ]
        absent += [name for name in table.key if name not in given]
        if absent:
            raise DataError(
                f"table {table.quoted} needs a value for {', '.join(map(repr, dict.fromkeys(absent)))}, "
                f"which the input lacks; it has {', '.join(sorted(given))}"
            )


def staging_columns(fits: Sequence[Fit], position: str) -> list[Column]:
    """The columns of a staging table: the target's, all of them nullable, and the row's position in the input."""
    columns = [replace(fit.column, nullable=True, has_default=False) for fit in fits]
    return [*columns, Column(position, pa.int64(), "bigint")]
