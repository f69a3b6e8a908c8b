"""The `sql` transformer: a query over the parents, each a table of its name."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import field_validator

from lumos_dagster.accounting import Task
from lumos_dagster.conversion.kinds import Kind
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import Combiner
from lumos_dagster.lineage import Origins, within
from lumos_dagster.problems import near, repeated
from lumos_dagster.transforms.engine import Engine, Memory, QueryError, as_type, characters, opened

_TABLE_FUNCTIONS = ("unnest", "generate_series", "range")
_ALONE = "input"


class Sql(Combiner):
    """Gives what a query makes of the parents' rows: joins, windows, aggregates. The language is DuckDB's SQL.

    Only one SELECT is allowed, over the parents and nothing else. Columns are matched whatever the case of
    their letters. Points in time are kept to the instant and come in UTC. Without ORDER BY no order is promised.
    """

    balanced: ClassVar[bool] = False
    query: str
    """The SELECT; each parent is a table named as its job, and the only parent is also `input`."""
    memory_limit: Memory = "1GB"
    """How much memory may be used, such as 512MB; beyond it rows are kept on the disk."""

    @field_validator("query")
    @classmethod
    def _is_one_select(cls, text: str) -> str:
        with opened("100MB") as engine:
            try:
                statements = engine.tree(text)
            except QueryError as error:
                raise ValueError(_pointing(error, text)) from None
        if len(statements) != 1:
            raise ValueError(f"must be one SELECT; here are {len(statements)} statements")
        for node in _nodes(statements[0]):
            name = str((node.get("function") or {}).get("function_name", "")).lower()
            kind = node.get("type")
            if kind == "SHOW_REF" or (kind == "TABLE_FUNCTION" and name not in _TABLE_FUNCTIONS):
                raise ValueError(f"{name or 'show'} is not allowed here: a query reads its parents and nothing else")
        return text

    def bind(self, inputs: Mapping[str, pa.Schema]) -> pa.Schema:
        """The columns that the query gives; ConfigError, pointing into it, for what is not there or does not fit."""
        with opened(self.memory_limit) as engine:
            return self._bound(engine, inputs)

    def origins(self, inputs: Mapping[str, pa.Schema]) -> Origins | None:
        """What sqlglot finds in the query; None where it does not understand all of it."""
        from sqlglot.errors import SqlglotError
        from sqlglot.lineage import lineage

        tables = dict(inputs)
        if len(inputs) == 1:
            tables[_ALONE] = next(iter(inputs.values()))
        schema = {table: dict.fromkeys(columns.names, "text") for table, columns in tables.items()}
        try:
            found = {
                name: _sources(lineage(name, self.query, schema=schema, dialect="duckdb"), inputs)
                for name in self.bind(inputs).names
            }
        except (SqlglotError, ValueError, KeyError):
            return None
        return Origins(found, exact=False)

    @contextmanager
    def combine(self, inputs: Mapping[str, pa.RecordBatchReader], task: Task) -> Iterator[pa.RecordBatchReader]:
        """Read every input to its end, then give what the query makes of the rows."""
        with opened(self.memory_limit, task) as engine:
            schema = self._bound(engine, {name: rows.schema for name, rows in inputs.items()})

            def batches() -> Iterator[pa.RecordBatch]:
                for name, rows in inputs.items():
                    engine.fill(name, rows)
                for batch in engine.rows(self.query):
                    columns = [as_type(values, kind) for values, kind in zip(batch.columns, schema.types, strict=True)]
                    yield pa.RecordBatch.from_arrays(columns, schema=schema)

            yield pa.RecordBatchReader.from_batches(schema, batches())

    def _bound(self, engine: Engine, inputs: Mapping[str, pa.Schema]) -> pa.Schema:
        self._check_tables(engine, tuple(inputs))
        for name, schema in inputs.items():
            lower = [column.lower() for column in schema.names]
            hint = "The case of letters makes no difference here. Rename or remove one before they come here."
            _check_once(lower, f"the rows of {name}", hint)
            engine.create(name, schema, schema.names)
        if len(inputs) == 1 and _ALONE not in inputs:
            engine.alias(_ALONE, *inputs)
        try:
            found = engine.bind(self.query)
        except QueryError as error:
            raise ConfigError(Problem(_pointing(error, self.query), path="query")) from None
        _check_once(found.names, "the result", "Give one of them another name with AS.")
        return pa.schema([pa.field(field.name, _given(field.type)) for field in found])

    def _check_tables(self, engine: Engine, parents: tuple[str, ...]) -> None:
        """Only parents, and what the query itself names in a WITH, are tables here."""
        nodes = list(_nodes(engine.tree(self.query)))
        known = (*parents, *((_ALONE,) if len(parents) == 1 else ()))
        own = {str(node.get("key", "")).lower() for node in nodes if "key" in node}
        for node in nodes:
            if node.get("type") != "BASE_TABLE":
                continue
            name = ".".join(filter(None, (node["catalog_name"], node["schema_name"], node["table_name"])))
            if name.lower() not in own | {table.lower() for table in known}:
                where = _place(self.query, characters(self.query, int(node["query_location"])))
                message = f"{where}: there is no table {name!r}"
                raise ConfigError(Problem(message, path="query", allowed=known, hint=near(name, known)))


def _sources(node: Any, inputs: Mapping[str, pa.Schema]) -> tuple[str, ...]:
    """The parents' columns at the ends of a column's lineage. Raises KeyError for an end that is something else."""
    from sqlglot import exp

    names = {name.lower(): name for name in inputs}
    found: dict[str, None] = {}
    for end in (one for one in node.walk() if not one.downstream):
        if isinstance(end.source, exp.Table):
            table = names[end.source.name.lower()] if end.source.name.lower() != _ALONE else next(iter(inputs))
            columns = {column.lower(): column for column in inputs[table].names}
            found[within(table, columns[exp.to_column(end.name).name.lower()])] = None
        elif list(end.expression.find_all(exp.Column)):
            raise KeyError(end.name)
    return tuple(found)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every part of the query that has a kind of its own."""
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(part)


def _check_once(names: Sequence[str], where: str, hint: str) -> None:
    if doubled := repeated(names):
        raise ConfigError(Problem(f"{where}: two columns have the name {doubled[0]!r}", path="query", hint=hint))


def _given(kind: Kind) -> pa.DataType:
    """The type of a column as it is handed on."""
    if pa.types.is_timestamp(kind) and kind.tz:
        return pa.timestamp(kind.unit, "UTC")
    plain: pa.DataType = kind
    return plain


def _pointing(error: QueryError, query: str) -> str:
    text = " ".join(str(error).split("\n\n")[0].split())
    return text if error.place is None else f"{_place(query, error.place)}: {text}"


def _place(query: str, at: int) -> str:
    before = query[:at]
    return f"line {before.count(chr(10)) + 1}, column {at - (before.rfind(chr(10)) + 1) + 1} of the query"
