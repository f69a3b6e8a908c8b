"""PostgreSQL's types, each in a table of its own, from CSV and to CSV: python -m benchmarks.kinds [--rounds N]."""

from collections.abc import Callable, Sequence

import psycopg

from benchmarks.measure import FailedError, Taken, median, run
from benchmarks.works import Bench, job_of, postgres_sums, psql, table_at, timed

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
    from benchmarks.run import print_measured

    print_measured(__doc__, ROWS, measured, arguments)


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
    _copied(bench, f"(select {shown} from kind_source) to '{file}'")
    expected = postgres_sums(bench, _SUMS, "kind_source")

    def empty() -> None:
        with psycopg.connect(bench.postgres, autocommit=True) as connection:
            connection.execute(f"drop table if exists kind; create table kind ({columns}); checkpoint")
        out.unlink(missing_ok=True)

    into = job_of(("csv", {"file_path": str(file)}), table_at(bench.postgres, "kind", load_mode="insert"))
    out_of = job_of(table_at(bench.postgres, "kind_source"), ("csv", {"file_path": str(out)}))
    ways: list[Callable[[], Taken]] = [
        lambda: _copied(bench, f"kind from '{file}'"),
        lambda: timed(bench, into, "ops"),
        lambda: _copied(bench, f"kind_source to '{out}'"),
        lambda: timed(bench, out_of, "ops"),
    ]
    taken: list[list[Taken]] = [[] for _ in ways]
    for _ in range(rounds):
        for number, way in enumerate(ways):
            empty()
            taken[number].append(way())
            goes_in = number < 2
            found = postgres_sums(bench, _SUMS, "kind") if goes_in else (out.read_text().count("\n"),)
            if found != (wanted := expected if goes_in else (ROWS + 1,)):
                raise FailedError(f"{kind}: other rows: {found} for {wanted}")
    return [(taken[0], taken[1]), (taken[2], taken[3])]


def _copied(bench: Bench, command: str) -> Taken:
    return run(psql(bench, f"\\copy {command} csv header"), bench.folder, {})


def _cells(psql: list[Taken], lumos: list[Taken]) -> str:
    return f"{median(lumos).wall / median(psql).wall:.2f} | {median(lumos).wall:.2f}"


if __name__ == "__main__":
    main()
