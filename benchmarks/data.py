"""The rows that the benchmarks load: TPC-H lineitem, made by tpchgen-cli; and the packages that Debian offers."""

import csv
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from email import message_from_string
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

ROWS_AT_SCALE_1 = 6_001_215
LINEITEM = """(l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber integer,
  l_quantity decimal(12,2), l_extendedprice decimal(12,2), l_discount decimal(12,2), l_tax decimal(12,2),
  l_returnflag varchar(1), l_linestatus varchar(1), l_shipdate date, l_commitdate date, l_receiptdate date,
  l_shipinstruct varchar(25), l_shipmode varchar(10), l_comment varchar(44))"""
SUMS = "count(*), sum(l_extendedprice), sum(l_orderkey), count(distinct l_shipdate)"
"""What must be the same wherever the rows have gone."""


PACKAGES = """(edition integer, package text, version text, source text, architecture text, section text, priority text,
  installed_size bigint, size bigint, maintainer text, homepage text, depends text, tag text, description text)"""
PACKAGE_SUMS = "count(*), sum(size), count(homepage), count(distinct maintainer), sum(length(description))"
EDITIONS = 16
"""How often Debian's packages are repeated, for a million rows."""


def columns_of(table: str) -> dict[str, str]:
    """The columns of a table's definition, with their types."""
    return dict(re.findall(r"(\w+) (\w+(?:\([\d,]+\))?)", table))


@dataclass(frozen=True)
class Rows:
    """A CSV file with a header, and what `SUMS` or the like gives of it."""

    file: Path
    sums: tuple[Any, ...]


def lineitem(rows: int, folder: Path, generator: Path) -> Rows:
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
    return Rows(file, (int(row[0]), Decimal(row[1]), int(row[2]), int(row[3])))


def packages(folder: Path) -> Rows:
    """What `apt-cache dumpavail` tells, made once: names in many scripts, quotes, lists over several lines, nulls."""
    file, columns = folder / "packages" / "packages.csv", columns_of(PACKAGES)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        command = [shutil.which("apt-cache") or "apt-cache", "dumpavail"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        edition, *told_of_each = columns
        rows = list(_paragraphs(told, told_of_each))
        with file.open("w", newline="") as text:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow([edition, *told_of_each])
            for number in range(EDITIONS):
                writer.writerows([number, *row] for row in rows)
    row = duckdb.execute(f"select {PACKAGE_SUMS} from read_csv('{file}', columns = {columns})").fetchone()
    assert row is not None
    return Rows(file, (int(row[0]), Decimal(row[1]), *map(int, row[2:])))


def _paragraphs(told: str, names: list[str]) -> Iterator[list[str | None]]:
    for is_blank, lines in groupby(told.splitlines(keepends=True), str.isspace):
        if not is_blank:
            package = message_from_string("".join(lines))
            yield [package[name.replace("_", "-")] for name in names]
