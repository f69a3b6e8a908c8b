"""The target table: found or made, and its columns matched with the input's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.connectors.jdbc.fitting import Fit
from lumos_dagster.connectors.jdbc.forms import in_text
from lumos_dagster.errors import ConfigError, DataError, Problem, TerminalError
from lumos_dagster.problems import near, repeated


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

    def wait_turn(self, raw: Any) -> None:
        """Be the only one to make or alter it, until the transaction ends."""
        self.database.wait_turn(raw, self.schema, self.name)

    def make(self, raw: Any, schema: pa.Schema, with_key: bool) -> None:
        """Create it for rows of this schema."""
        quote = self.database.quote
        self.check_names(schema.names)
        if with_key:
            self.check_given([], schema.names)
        try:
            kinds = (self._made_type(field, with_key) for field in schema)
            parts = [f"{quote(field.name)} {kind}" for field, kind in zip(schema, kinds, strict=True)]
        except ValueError as error:
            raise DataError(f"cannot create table {self.name!r}: {error}. Convert the column first.") from None
        if with_key:
            parts.append(self.database.forms.primary_key.format(key=", ".join(map(quote, self.key))))
        self.database.execute(raw, self.database.forms.create_table.format(table=self.quoted, columns=", ".join(parts)))

    def _made_type(self, field: "pa.Field[Any]", with_key: bool) -> str:
        is_key = with_key and field.name in self.key
        return self.database.key_type(field.type) if is_key else self.database.sql_type(field.type)

    def drop(self, raw: Any) -> None:
        """Remove it, where it is there."""
        self.database.execute(
            raw, self.database.forms.drop_table.format(table=self.quoted, table_text=in_text(self.quoted))
        )

    def check_names(self, names: Sequence[str] = ()) -> None:
        """Raise DataError where the database would not take a column's name, the table's or its schema's."""
        for name in (self.schema or "", self.name, *names):
            if problem := self.database.name_problem(name):
                remedy = "give the column another one (columns)" if name in names else "set another table_name"
                raise DataError(f"the name {name!r} {problem}; {remedy}")

    def missing(self, raw: Any, remedy: str = "") -> TerminalError:
        """The error of a table that is not there."""
        names = [name for name in self.database.table_names(raw, self.schema) if not name.startswith("_lumos_")]
        hint = near(self.name, names) or f"Tables there: {', '.join(names[:20]) or 'none'}."
        return TerminalError(f"there is no table {self.quoted}{remedy}. {hint}")

    def check_given(self, columns: Sequence[Column], given: Sequence[str]) -> None:
        """Raise DataError where the input lacks a column that the table or the load mode cannot do without."""
        absent = [
            column.name
            for column in columns
            if column.name not in given and not column.nullable and not column.has_default
        ]
        absent += [name for name in self.key if name not in given]
        if absent:
            hint = near(absent[0], given)
            raise DataError(
                f"table {self.quoted} needs a value for {', '.join(map(repr, dict.fromkeys(absent)))}, "
                f"which the input lacks; it has {', '.join(given)}. {hint}".rstrip()
            )


@dataclass(frozen=True)
class Matched:
    """One Fit per column of the input that has a place in the table, and the names of those that have none."""

    fits: list[Fit]
    left_out: list[str]


@dataclass(frozen=True)
class Matching:
    """How the input's columns find the target's: `names` from the YAML's `columns`, and what to do with the rest."""

    names: Mapping[str, str]
    has_user_schema: bool
    schema_change: str
    makes_rows: bool
    """Whether rows are made, so that every column that must have a value needs one."""

    def renamed(self, schema: pa.Schema) -> pa.Schema:
        """The input's columns under their names in the target. ConfigError for a name that is not there."""
        if unknown := [name for name in self.names if name not in schema.names]:
            raise ConfigError(
                Problem(
                    f"columns: the input has no {name!r}", allowed=tuple(schema.names), hint=near(name, schema.names)
                )
                for name in unknown
            )
        renamed = pa.schema([(self.names.get(field.name, field.name), _plain(field.type)) for field in schema])
        if twice := sorted(repeated(renamed.names)):
            raise DataError(f"two columns of the input would fill {', '.join(map(repr, twice))}; rename or drop one")
        return renamed

    def matched(self, raw: Any, table: Table, schema: pa.Schema) -> Matched:
        """Find a place for each column of the input; what has none is dealt with as asked."""
        columns = {column.name: column for column in table.columns(raw)}
        wanted = self.renamed(schema)
        extra = [field for field in wanted if field.name not in columns]
        if extra and self.schema_change == "add_columns" and not self.has_user_schema:
            table.wait_turn(raw)
            there = [column.name for column in table.columns(raw)]
            self._add(raw, table, [field for field in extra if field.name not in there])
            columns = {column.name: column for column in table.columns(raw)}
            extra = []
        left_out = [field.name for field in extra]
        if left_out:
            self._check_left_out(table, left_out, list(columns))
        table.check_given(list(columns.values()) if self.makes_rows else [], wanted.names)
        fits = [
            Fit(columns[name], source, name in table.key)
            for source, name in zip(schema.names, wanted.names, strict=True)
            if name in columns
        ]
        if not fits:
            raise DataError(f"table {table.quoted} has no column of the input; it has {', '.join(columns)}")
        return Matched(fits, left_out)

    def _add(self, raw: Any, table: Table, fields: Sequence["pa.Field[Any]"]) -> None:
        quote = table.database.quote
        table.check_names([field.name for field in fields])
        for field in fields:
            try:
                kind = table.database.sql_type(field.type)
            except ValueError as error:
                raise DataError(f"cannot add column {field.name!r}: {error}. Convert it first.") from None
            form = table.database.forms.add_column
            table.database.execute(raw, form.format(table=table.quoted, column=f"{quote(field.name)} {kind}"))

    def _check_left_out(self, table: Table, names: Sequence[str], known: Sequence[str]) -> None:
        """Leaving out is what a DDL of the user's asks for, but not where only upper and lower case differ."""
        folded = {name.casefold(): name for name in known}
        meant = {name: folded[name.casefold()] for name in names if name.casefold() in folded}
        if self.schema_change == "ignore" or (self.has_user_schema and not meant):
            return
        table.check_names(names)
        hints = [f"columns: {{{name}: {other}}}" for name, other in meant.items()]
        raise DataError(
            f"table {table.quoted} has no column {', '.join(map(repr, names))}; it has {', '.join(known)}. "
            + (f"Map what is only spelled differently ({', '.join(hints)})" if meant else
               "Leave them out (remove_field), map them (columns), or set schema_change: add_columns or ignore")
        )  # fmt: skip


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values themselves, however they are laid out."""
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    if isinstance(kind, pa.DictionaryType):
        return _plain(kind.value_type)
    return pa.string() if pa.types.is_string_view(kind) else kind


def staging_columns(fits: Sequence[Fit], position: str, number: str) -> list[Column]:
    """The columns of a staging table: the target's, all nullable, and the row's position in the input, a `number`."""
    columns = [replace(fit.column, nullable=True, has_default=False, is_identity=False) for fit in fits]
    return [*columns, Column(position, pa.int64(), number)]
