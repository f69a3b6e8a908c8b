"""Runs a transformer as a run would: options through the parser, rows through the accounts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Book, Count, Rule, Verdict
from lumos_dagster.combination import Combination
from lumos_dagster.interface import Combiner, Deferred, OnError, Transformation, Transformer
from lumos_dagster.relation import Relation
from lumos_dagster.spool import spool
from lumos_dagster.transforms.json import Json
from lumos_dagster.values import RunContext

NOW = datetime(2026, 3, 4, 5, 6, 7, 89, UTC)
RUN = RunContext("job", "run-1", "run-1", NOW, "memory://transforms")


@dataclass(frozen=True)
class Result:
    """What came out, the counts, and the rejects that were kept."""

    table: pa.Table
    count: Count
    rejects: list[dict[str, Any]]
    verdicts: Mapping[Rule, Verdict]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.table.to_pylist()

    def column(self, name: str) -> list[Any]:
        return self.table.column(name).to_pylist()


def transform(
    component: type[Transformer],
    options: Mapping[str, Any],
    table: pa.Table,
    *,
    on_error: OnError = "fail",
    max_rejects: str = "100",
    batch: int = 1000,
    staged: bool = False,
    storage: Path | None = None,
) -> Result:
    """The table through the transformer, `batch` rows at a time, spooled before and after it if staged.

    The rows must balance.
    """
    run = replace(RUN, storage=str(storage)) if storage else RUN
    book = Book(run)
    relation = Relation.of(in_batches(table, batch))
    step = Transformation(Deferred("clean", component, options, run, on_error, max_rejects))
    if staged:
        relation = spool(spool(relation, "memory://spools/before", book).pipe(step), "memory://spools/after", book)
    else:
        relation = relation.pipe(step)
    with relation.open(book) as rows:
        found = rows.read_all()
    book.check()
    kept = storage / "rejects" / "run-1" / "clean.0.jsonl" if storage else None
    rejects = [json.loads(line) for line in kept.read_text().splitlines()] if kept and kept.is_file() else []
    task = book.tasks["clean"]
    return Result(found, task.count, rejects, task.verdicts)


def combine(
    component: type[Combiner],
    options: Mapping[str, Any],
    tables: Mapping[str, pa.Table] | pa.Table,
    *,
    batch: int = 1000,
    storage: Path | None = None,
) -> Result:
    """The tables, each a parent of its name, through the combiner; the rows must balance."""
    named = {"rows": tables} if isinstance(tables, pa.Table) else dict(tables)
    run = replace(RUN, storage=str(storage)) if storage else RUN
    book = Book(run)
    inputs = tuple((name, Relation.of(in_batches(table, batch))) for name, table in named.items())
    relation = Relation(Combination(Deferred("clean", component, options, run), inputs))
    with relation.open(book) as rows:
        found = rows.read_all()
    book.check()
    return Result(found, book.tasks["clean"].count, [], {})


def in_batches(table: pa.Table, batch: int) -> pa.Table:
    """The same rows, so many to a batch."""
    slices = [table.slice(start, batch) for start in range(0, table.num_rows, batch)] or [table]
    return pa.Table.from_batches(
        [piece for part in slices for piece in part.combine_chunks().to_batches()], table.schema
    )


def operate(operations: Mapping[str, Any] | Sequence[Mapping[str, Any]], table: pa.Table, **how: Any) -> Result:
    """As `transform`, by one or more operations."""
    listed = [operations] if isinstance(operations, Mapping) else list(operations)
    return transform(Json, {"transforms": listed}, table, **how)


def one(operation: Mapping[str, Any], values: Sequence[Any], kind: pa.DataType | None = None, **how: Any) -> list[Any]:
    """What becomes of the values of a column `x`."""
    table = pa.table({"x": pa.array(values, kind or pa.string())})
    return operate({"field": "x", **operation}, table, **how).column("x")
