"""The rows that the benchmarks load: TPC-H lineitem, made by tpchgen-cli."""

import subprocess
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

ROWS_AT_SCALE_1 = 6_001_215
LINEITEM = """(l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber integer,
  l_quantity decimal(12,2), l_extendedprice decimal(12,2), l_discount decimal(12,2), l_tax decimal(12,2),
  l_returnflag varchar(1), l_linestatus varchar(1), l_shipdate date, l_commitdate date, l_receiptdate date,
  l_shipinstruct varchar(25), l_shipmode varchar(10), l_comment varchar(44))"""
SUMS = "count(*), sum(l_extendedprice), sum(l_orderkey), count(distinct l_shipdate)"
"""What must be the same wherever the rows have gone."""


@dataclass(frozen=True)
class Lineitem:
    """A CSV file with a header, and what `SUMS` gives of it."""

    file: Path
    sums: tuple[int, Decimal, int, int]


def lineitem(rows: int, folder: Path, generator: Path) -> Lineitem:
    """About so many rows, made once."""
    made = folder / f"lineitem-{rows}"
    file = made / "lineitem.csv"
    if not file.exists():
        made.mkdir(parents=True, exist_ok=True)
        scale = f"{rows / ROWS_AT_SCALE_1:.4f}"
        subprocess.run(
            [generator, "csv", "-s", scale, "--tables=lineitem", "--output-dir", str(made)],
            check=True, capture_output=True,
        )  # fmt: skip
    types = "types={'l_extendedprice': 'decimal(12,2)'}"
    row = duckdb.execute(f"select {SUMS} from read_csv('{file}', {types})").fetchone()
    assert row is not None
    return Lineitem(file, (int(row[0]), Decimal(row[1]), int(row[2]), int(row[3])))
