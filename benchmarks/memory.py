"""How much memory an op takes, whatever the rows: python -m benchmarks.memory [--times N].

The same CSV file once, and under so many names, into one table of PostgreSQL.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import psycopg

from benchmarks.works import Bench, job_of, postgres_table, table_at, timed

ROWS, TIMES, MOST = 1_000_000, 60, 350


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    from benchmarks.run import bench_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=TIMES)
    with bench_of(ROWS) as bench:
        print(measured(bench, parser.parse_args(arguments).times))


def measured(bench: Bench, times: int = TIMES) -> str:
    """The table, in Markdown."""
    lines = [
        "## Memory\n",
        "CSV to PostgreSQL, the data path alone (`python -m benchmarks.memory`).\n",
        "| rows | mode | peak MiB | wall s |\n|---:|---|---:|---:|",
    ]
    peaks: list[float] = []
    for count in (1, times):
        for mode in ("streaming", "staged"):
            rows, peak, wall = _loaded(bench, count, mode)
            peaks.append(peak)
            lines.append(f"| {rows:,} | {mode} | {peak:.0f} | {wall:.1f} |")
    lines.append(f"\nHeld to {MOST} MiB: {'met' if max(peaks) <= MOST else 'missed'} ({max(peaks):.0f}).\n")
    return "\n".join(lines)


def _loaded(bench: Bench, count: int, mode: str) -> tuple[int, float, float]:
    """The rows that were loaded, the peak of memory and the seconds."""
    files = [_named(bench, number) for number in range(count)]
    job = job_of(("csv", {"file_path": files}), table_at(bench.postgres))
    postgres_table(bench)
    taken = timed(bench, job, mode)
    with psycopg.connect(bench.postgres, autocommit=True) as connection:
        ((rows,),) = connection.execute("select count(*) from lineitem").fetchall()
        connection.execute("drop table lineitem")
    if rows != count * bench.rows.sums[0]:
        raise SystemExit(f"{rows} rows arrived of {count} times {bench.rows.sums[0]}")
    return rows, taken.peak, taken.wall


def _named(bench: Bench, number: int) -> str:
    """The file by another name; a link of the other kind would be the same file, which is read once."""
    name = Path(bench.rows.file).with_suffix(f".{number}.csv")
    if not name.exists():
        os.link(bench.rows.file, name)
    return str(name)


if __name__ == "__main__":
    main()
