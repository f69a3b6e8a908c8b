"""A chain of transforms over a million rows: rename, filter, format_date, convert, arithmetic.

The same work by Lumos (with its checks, counts and row numbers), by hand in polars, in DuckDB, in pandas and in a plain
Python loop. Each takes the same Arrow table and gives an Arrow table, which must be the same for all. Run it by

    python -m benchmarks.transforms [--rows 1000000] [--rounds 7] [--contenders lumos,polars]

All take turns within one process, so that a machine that slows down slows all of them. CPU time is that of all threads.
The memory is what a process of its own needs at its peak beyond the input.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.accounting import Book
from lumos_dagster.interface import BATCH_ROWS, Deferred, Transformation
from lumos_dagster.relation import Relation
from lumos_dagster.transforms.json import Json
from lumos_dagster.values import RunContext

RESULT = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.string()),
        ("day", pa.string()),
        ("price", pa.decimal128(12, 2)),
        ("quantity", pa.int64()),
        ("total", pa.decimal128(38, 2)),
    ]
)
CHAIN = [
    {"operation": "rename_field", "from": "user_id", "to": "id"},
    {"operation": "filter_field", "field": "status", "operator": "equals", "value": "active"},
    {"operation": "format_date", "field": "day", "from_format": "DD/MM/YYYY", "to_format": "YYYY-MM-DD"},
    {"operation": "convert_field", "field": "price", "type": "decimal(12,2)"},
    {"operation": "convert_field", "fields": ["id", "quantity"], "type": "int"},
    {"operation": "multiply", "field": "price", "operand": "quantity", "to": "total"},
    {"operation": "select_fields", "fields": RESULT.names},
]


def rows_of(count: int) -> pa.Table:
    """Rows as a CSV file gives them: all text, with nulls; in batches of the size that extractors give."""
    chance = np.random.default_rng(7)
    first = np.datetime64("1990-01-01")
    days = pd.Series(first + chance.integers(0, 15_000, count).astype("timedelta64[D]"))
    cents = chance.integers(0, 10**7, count)
    table = pa.table(
        {
            "user_id": pa.array(np.arange(count)).cast(pa.string()),
            "name": pa.array([f"Åsa {number} 王" for number in chance.integers(0, 10_000, count)]),
            "status": pa.array(np.array(["active", "active", "active", "gone"])[chance.integers(0, 4, count)]),
            "day": pa.array(days.dt.strftime("%d/%m/%Y").to_numpy(object), mask=chance.random(count) < 0.01),
            "price": pa.array([f"{cent // 100}.{cent % 100:02}" for cent in cents], mask=chance.random(count) < 0.02),
            "quantity": pa.array(chance.integers(1, 100, count)).cast(pa.string()),
        }
    )
    return pa.Table.from_batches(table.to_batches(BATCH_ROWS))


def lumos(table: pa.Table) -> pa.Table:
    """The job file's chain, in the code that a run uses."""
    return through(table, CHAIN)


def through(table: pa.Table, operations: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows after the operations, which Lumos does in one pass."""
    run = RunContext("bench", "run", "run", datetime.now(UTC), "memory://bench")
    book = Book(run)
    with (
        Relation.of(table)
        .pipe(Transformation(Deferred("clean", Json, {"transforms": operations}, run)))
        .open(book) as rows
    ):
        found = rows.read_all()
    book.check()
    return found


def polars(table: pa.Table) -> pa.Table:
    """As one would write it by hand: one lazy query over all rows, strict about what it cannot read."""
    found = (
        pl.DataFrame(table)
        .lazy()
        .rename({"user_id": "id"})
        .filter(pl.col("status") == "active")
        .with_columns(
            pl.col("day").str.to_date("%d/%m/%Y").dt.strftime("%Y-%m-%d"),
            pl.col("price").cast(pl.Decimal(12, 2)),
            pl.col("id", "quantity").cast(pl.Int64),
        )
        .with_columns((pl.col("price") * pl.col("quantity")).alias("total"))
        .select(RESULT.names)
        .collect()
    )
    return found.to_arrow(compat_level=pl.CompatLevel.oldest())


def duck(table: pa.Table) -> pa.Table:
    """One SQL query."""
    with duckdb.connect() as connection:
        return connection.sql(
            """
            select cast(user_id as bigint) as id, name,
                strftime(strptime(day, '%d/%m/%Y'), '%Y-%m-%d') as day,
                cast(price as decimal(12,2)) as price, cast(quantity as bigint) as quantity,
                cast(cast(price as decimal(12,2)) * cast(quantity as decimal(18,0)) as decimal(38,2)) as total
            from "table" where status = 'active'
            """
        ).to_arrow_table()


def pandas(table: pa.Table) -> pa.Table:
    """As one would write it by hand; for exact decimals with Arrow's columns, the only ones that have them."""
    frame = table.to_pandas(types_mapper=pd.ArrowDtype).rename(columns={"user_id": "id"})
    frame = frame[frame["status"] == "active"].drop(columns="status")
    day = pd.to_datetime(frame["day"], format="%d/%m/%Y")
    frame["day"] = day.dt.strftime("%Y-%m-%d")
    frame["price"] = frame["price"].astype(pd.ArrowDtype(pa.decimal128(12, 2)))
    frame["id"] = frame["id"].astype("int64[pyarrow]")
    frame["quantity"] = frame["quantity"].astype("int64[pyarrow]")
    frame["total"] = frame["price"] * frame["quantity"]
    return pa.Table.from_pandas(frame[RESULT.names], preserve_index=False)


def loop(table: pa.Table) -> pa.Table:
    """Row by row."""
    return pa.Table.from_pylist(list(_looped(table.to_pylist())), RESULT)


def _looped(rows: Sequence[Mapping[str, str]]) -> Iterator[dict[str, object]]:
    for row in rows:
        if row["status"] != "active":
            continue
        day = row["day"] and datetime.strptime(row["day"], "%d/%m/%Y").strftime("%Y-%m-%d")
        price = row["price"] and Decimal(row["price"])
        quantity = int(row["quantity"])
        yield {
            "id": int(row["user_id"]),
            "name": row["name"],
            "day": day,
            "price": price,
            "quantity": quantity,
            "total": price and price * quantity if price != 0 else price,
        }


CONTENDERS: Mapping[str, tuple[str, Callable[[pa.Table], pa.Table]]] = {
    "lumos": ("Lumos, json transformer", lumos),
    "polars": (f"polars {pl.__version__} by hand", polars),
    "duckdb": (f"DuckDB {duckdb.__version__}", duck),
    "pandas": (f"pandas {pd.__version__}", pandas),
    "loop": ("a Python loop", loop),
}


@dataclass
class Times:
    """What the rounds of one contender took, in seconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure(names: Sequence[str], table: pa.Table, rounds: int) -> dict[str, Times]:
    """All in turn, after a round that is checked and not counted. Raises ValueError where results differ."""
    expected: pa.Table | None = None
    for name in names:
        found = _plain(CONTENDERS[name][1](table))
        expected = expected or found
        if not found.equals(expected):
            raise ValueError(f"{name} gives other rows than {names[0]}")
    times = {name: Times() for name in names}
    for _ in range(rounds):
        for name in names:
            wall, cpu = time.perf_counter(), time.process_time()
            CONTENDERS[name][1](table)
            times[name].wall.append(time.perf_counter() - wall)
            times[name].cpu.append(time.process_time() - cpu)
    return times


def peak(name: str, table: pa.Table) -> float:
    """MiB that one run in a process of its own needs beyond the input at its peak."""
    with TemporaryDirectory() as folder:
        path = f"{folder}/rows.arrow"
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(_peak, (name, path))


def _peak(name: str, path: str) -> float:
    table = pa.ipc.open_file(path).read_all()
    CONTENDERS[name][1](table.slice(0, 1000))
    before = _high_water()
    CONTENDERS[name][1](table)
    return (_high_water() - before) / 1024


def _high_water() -> int:
    """The most KiB that this process has had in memory; what getrusage tells includes the process that began it."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])


def report(times: Mapping[str, Times], peaks: Mapping[str, float], count: int) -> str:
    """A table in Markdown; the ratios are to polars by hand, pair by pair of the rounds."""
    base = times["polars"]
    lines = [
        f"{count:,} rows in, {len(base.wall)} rounds in turn; median, and the least and greatest of the rounds.",
        "",
        "| | wall s | of polars | CPU s | of polars | peak MiB beyond the input |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, taken in times.items():
        cells = (
            CONTENDERS[name][0],
            _spread(taken.wall), f"{_of(taken.wall, base.wall):.2f}",
            _spread(taken.cpu), f"{_of(taken.cpu, base.cpu):.2f}", f"{peaks[name]:.0f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _of(values: Sequence[float], base: Sequence[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(one / other for one, other in zip(values, base, strict=True))


def _plain(table: pa.Table) -> pa.Table:
    """The same values in the same types, however they are laid out."""
    return pa.Table.from_arrays(
        [pc.cast(table.column(name), kind) for name, kind in zip(RESULT.names, RESULT.types, strict=True)],
        schema=RESULT,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="those to run, polars among them")
    given = parser.parse_args()
    print(measured(given.rows, given.rounds, given.contenders.split(",")))


def measured(count: int, rounds: int, names: Sequence[str] = tuple(CONTENDERS)) -> str:
    """The table, in Markdown."""
    table = rows_of(count)
    times = measure(names, table, rounds)
    peaks = {name: peak(name, table) for name in names}
    ratio = _of(times["lumos"].wall, times["polars"].wall)
    return "\n".join(
        [
            "## Transformations\n",
            "Rename, filter, format_date, convert and arithmetic in one chain (`python -m benchmarks.transforms`).\n",
            report(times, peaks, count),
            f"\nHeld to 1.2 of polars by hand: {'met' if ratio <= 1.2 else 'missed'} ({ratio:.2f}).\n",
        ]
    )


if __name__ == "__main__":
    main()
