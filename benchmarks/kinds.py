"""PostgreSQL's types, each in a table of its own, from CSV and to CSV: python -m benchmarks.kinds [--rounds N]."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from benchmarks.measure import FailedError, Taken, median, run
from benchmarks.works import HERE, Bench, job_of, postgres_sums, table_at

ROWS, COLUMNS = 500_000, 6
KINDS = {
    "integer": "i * 4001 % 1000003",
    "integer, a tenth null": "case when i % 10 > 0 then i end",
    "numeric(12,2)": "i / 100.0",
    "numeric(12,2), a tenth null": "case when i % 10 > 0 then i / 100.0 end",
    "numeric": "i / 100.0",
    "double precision": "i / 7.0::float8",
    "real": "i / 7.0::real",
    "boolean": "i % 2 = 0",
    "date": "date '1990-01-01' + i % 9000",
    "timestamp": "timestamp '1990-01-01' + i * interval '61 s'",
    "timestamp(6)": "timestamp '1990-01-01' + i * interval '61.000501 s'",
    "timestamptz": "timestamptz '1990-01-01' + i * interval '61 s'",
    "time": "time '00:00' + i * interval '1 s'",
    "text": "'some text of row ' || i",
    "varchar(25)": "'größe 中文 ' || i",
    "char(10)": "i",
    "uuid": "md5(i::text)::uuid",
    "jsonb": """('{"a": ' || i || '}')::jsonb""",
    "bytea": "decode(md5(i::text), 'hex')",
    "interval": "i * interval '1 s'",
    "integer[]": "array[i, i + 1]",
}
"""Each type, and what its values are made of; `i` counts the rows."""
_SUMS = "count(*), count(c0), min(c0::text), max(c5::text)"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    from benchmarks.run import bench_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    with bench_of(ROWS) as bench:
        print(measured(bench, parser.parse_args(arguments).rounds))


def measured(bench: Bench, rounds: int) -> str:
    """The table, in Markdown."""
    lines = [
        "## Type by type\n",
        f"{ROWS:,} rows of {COLUMNS} columns, into PostgreSQL and from there; Lumos' ops alone, of what psql's \\copy "
        "takes (`python -m benchmarks.kinds`).\n",
        "| type | CSV to PostgreSQL | wall s | PostgreSQL to CSV | wall s |\n|---|---:|---:|---:|---:|",
    ]
    for kind, value in KINDS.items():
        into, out = _of_kind(bench, kind.partition(", ")[0], value, rounds)
        lines.append(f"| {kind} | {_cells(*into)} | {_cells(*out)} |")
    return "\n".join([*lines, ""])


def _of_kind(bench: Bench, kind: str, value: str, rounds: int) -> list[tuple[list[Taken], list[Taken]]]:
    """What psql and Lumos took, into the database and out of it."""
    columns = ", ".join(f"c{number} {kind}" for number in range(COLUMNS))
    file, out = bench.folder / "kind.csv", bench.folder / "kind_out.csv"
    # A truth is written in full, as it would otherwise be the t of PostgreSQL alone.
    shown = ", ".join(f"c{number}::text" if kind == "boolean" else f"c{number}" for number in range(COLUMNS))
    with psycopg.connect(bench.postgres, autocommit=True) as connection:
        connection.execute(f"drop table if exists kind_source; create table kind_source ({columns})")
        values = ", ".join([f"({value})::{kind}"] * COLUMNS)
        connection.execute(f"insert into kind_source select {values} from generate_series(1, {ROWS}) i")
        connection.execute("vacuum analyze kind_source")
    _psql(bench, f"\\copy (select {shown} from kind_source) to '{file}' csv header")
    expected = postgres_sums(bench, _SUMS, "kind_source")

    def empty() -> None:
        with psycopg.connect(bench.postgres, autocommit=True) as connection:
            connection.execute(f"drop table if exists kind; create table kind ({columns}); checkpoint")
        out.unlink(missing_ok=True)

    def checked(taken: Taken, found: tuple[Any, ...], wanted: tuple[Any, ...]) -> Taken:
        if found != wanted:
            raise FailedError(f"{kind}: other rows: {found} for {wanted}")
        return taken

    table, csv = table_at(bench.postgres, "kind", load_mode="insert"), ("csv", {"file_path": str(file)})
    ways: list[Callable[[], Taken]] = [
        lambda: _psql(bench, f"\\copy kind from '{file}' csv header"),
        lambda: _lumos(bench, csv, table),
        lambda: _psql(bench, f"\\copy kind_source to '{out}' csv header"),
        lambda: _lumos(bench, table_at(bench.postgres, "kind_source"), ("csv", {"file_path": str(out)})),
    ]
    taken: list[list[Taken]] = [[] for _ in ways]
    for _ in range(rounds):
        for number, way in enumerate(ways):
            empty()
            one = way()
            found = postgres_sums(bench, _SUMS, "kind") if number < 2 else (out.read_text().count("\n"),)
            taken[number].append(checked(one, found, expected if number < 2 else (ROWS + 1,)))
    return [(taken[0], taken[1]), (taken[2], taken[3])]


def _psql(bench: Bench, command: str) -> Taken:
    return run(["psql", "-q", bench.postgres, "-c", command], bench.folder, {})


def _lumos(bench: Bench, read: tuple[str, Any], load: tuple[str, Any]) -> Taken:
    (bench.folder / "kind.yaml").write_text(json.dumps(job_of(read, load)))
    return run([sys.executable, str(HERE / "path.py"), "kind.yaml", "ops"], bench.folder, {})


def _cells(psql: list[Taken], lumos: list[Taken]) -> str:
    return f"{median(lumos).wall / median(psql).wall:.2f} | {median(lumos).wall:.2f}"


if __name__ == "__main__":
    main()
