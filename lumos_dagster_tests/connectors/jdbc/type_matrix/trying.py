"""Tries every type of a database: read, loaded into a table of the same DDL, and into one made by each database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from lumos_dagster import rejects
from lumos_dagster.conversion import as_text, convert
from lumos_dagster.errors import DataError
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.type_matrix.natives import Native, Natives

OUTSIDE = 10_000
"""Rows from this id on have a value that no Arrow type has a place for."""

_MADE = {
    "postgresql": "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = '{}'::regclass "
    "and attnum > 0",
    "mariadb": "show columns from {}",
    "sqlite": "select name, type from pragma_table_info('{}')",
    "duckdb": "select column_name, data_type from duckdb_columns() where table_name = '{}'",
}


@dataclass
class Cell:
    """What became of a type's values in one target: the column's type there, and each value that is not the same."""

    made: str
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Values that the load refused as bad rows, each with its reason."""
    changed: list[tuple[str, str]] = field(default_factory=list)
    """Values, and the others that they came back as."""


@dataclass
class Tried:
    """One type of the source: its Arrow type, values that could not be read, and its cells by target."""

    native: Native
    arrow: str
    outside: list[str]
    itself: Cell
    targets: dict[str, Cell] = field(default_factory=dict)


@dataclass
class Trial:
    """A source with all its types as columns of one table; each row has one value of one of them."""

    place: Place
    natives: Natives

    def __post_init__(self) -> None:
        self.columns = {f"c{number}": native for number, native in enumerate(self.natives.types)}
        self.ids: dict[str, list[int]] = {}
        self.outside: dict[str, list[int]] = {}
        columns = ", ".join(f"{name} {native.declared} null" for name, native in self.columns.items())
        statements = [
            *self.natives.before,
            *(f"create table {table} (id integer, {columns})" for table in ("t", "same")),
        ]
        statements.append("insert into t (id) values (0)")
        for name, native in self.columns.items():
            last = max((number for ids in self.ids.values() for number in ids), default=0)
            self.ids[name] = list(range(last + 1, last + 1 + len(native.values)))
            first = OUTSIDE + len(self.outside) * 100
            self.outside[name] = list(range(first, first + len(native.outside)))
            values = zip([*self.ids[name], *self.outside[name]], [*native.values, *native.outside], strict=True)
            rows = ", ".join(f"({number}, {value})" for number, value in values)
            statements.append(f"insert into t (id, {name}) values {rows}")
        self.place.sql((";" if self.place.name == "postgresql" else ";;").join(statements))

    def tried(self, targets: Sequence[Place]) -> list[Tried]:
        """Every type in every target."""
        rows = self.rows()
        found = [
            Tried(native, str(rows.schema.field(name).type), self._unread(name), cell)
            for (name, native), cell in zip(self.columns.items(), self.same_again(rows), strict=True)
        ]
        for target in targets:
            for tried, cell in zip(found, self._made_by(target, rows), strict=True):
                tried.targets[target.name] = cell
        return found

    def rows(self) -> pa.Table:
        """The table, but for what no Arrow type has a place for."""
        return self.place.read(where=f"id < {OUTSIDE}")

    def _unread(self, column: str) -> list[str]:
        """The values that cannot be read, each of which must be told by an error."""
        values = self.columns[column].outside
        for value, number in zip(values, self.outside[column], strict=True):
            with pytest.raises(DataError):
                assert self.place.read(columns=["id", column], where=f"id = {number}") is None, f"{value} was read"
        return list(values)

    def same_again(self, rows: pa.Table) -> list[Cell]:
        """Into a table of the same DDL; both hold the same if the database says so, in its own exact words."""
        refused = _loaded(self.place, rows, "same", load_mode="truncate")
        texts = [(native.as_text or self.natives.as_text).format(name) for name, native in self.columns.items()]
        query = f"select id, {', '.join(texts)} from {{}} where id < {OUTSIDE} order by id"
        before, after = ({row[0]: row[1:] for row in self.place.sql(query.format(table))} for table in ("t", "same"))
        cells = []
        for at, (name, native) in enumerate(self.columns.items()):
            cell = Cell(native.declared, [refused[number] for number in self.ids[name] if number in refused])
            cell.changed = [
                (str(row[at]), str(after[number][at]))
                for number, row in before.items()
                if number not in refused and row[at] != after[number][at]
            ]
            cells.append(cell)
        return cells

    def _made_by(self, target: Place, rows: pa.Table) -> list[Cell]:
        table = f"from_{self.place.name}"
        refused = _loaded(target, rows, table, create_table=True)
        made = {row[0]: row[1] for row in target.sql(_MADE[target.name].format(table))}
        back = target.read(table_name=table).sort_by("id")
        kept = rows.filter(pa.array([number not in refused for number in rows["id"].to_pylist()])).sort_by("id")
        assert back["id"].to_pylist() == kept["id"].to_pylist()
        return [
            Cell(
                made[name],
                [refused[number] for number in self.ids[name] if number in refused],
                _changed(kept[name].combine_chunks(), back[name].combine_chunks()),
            )
            for name in self.columns
        ]


def _loaded(place: Place, rows: pa.Table, table: str, **options: Any) -> dict[int, tuple[str, str]]:
    """Load the rows; gives the ids of those refused, with the value and the reason."""
    place.load(rows, str(uuid4()), "reject", "100%", table_name=table, **options)
    if not place.count.rejected:
        return {}
    (kept,) = rejects.find(place.run.storage)
    return {record["row"]["id"]: (str(record["value"]), record["reason"]) for record in kept.records()}


def _changed(before: Any, after: Any) -> list[tuple[str, str]]:
    """The values that are not the same in the type that they came back in, nor, where they cannot be, as text."""
    texts = list(zip(as_text(before).to_pylist(), as_text(after).to_pylist(), strict=True))
    try:
        wanted = convert(before, after.type).values
    except DataError:
        wanted, after = (pa.array(column) for column in zip(*texts, strict=True))
    pairs = zip(map(repr, wanted.to_pylist()), map(repr, after.to_pylist()), texts, strict=True)
    return [(str(old), str(new)) for one, other, (old, new) in pairs if one != other]
