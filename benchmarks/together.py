"""A table that is replaced, filled over one connection and over two: python -m benchmarks.together [--rounds N]."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.measure import FailedError, Taken, cells, median
from benchmarks.works import (
    COLUMNS,
    Bench,
    job_of,
    mariadb_sums,
    mariadb_table,
    postgres_sums,
    postgres_table,
    read_as,
    table_at,
    timed,
)

ROWS = 1_000_000
TARGETS: dict[str, tuple[Callable[[Bench], str], Callable[[Bench], None], Callable[[Bench], tuple[Any, ...]]]] = {
    "PostgreSQL": (lambda bench: bench.postgres, postgres_table, postgres_sums),
    "MariaDB": (lambda bench: bench.mariadb, mariadb_table, mariadb_sums),
}
MODES = {"its ops alone": "ops", "data path, staged": "staged"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    from benchmarks.run import print_measured

    print_measured(__doc__, ROWS, measured, arguments)


def measured(bench: Bench, rounds: int) -> str:
    """The table, in Markdown."""
    lines = [
        "## A table replaced, over one connection and over two\n",
        f"{bench.rows.sums[0]:,} rows of CSV, `load_mode: replace` (`python -m benchmarks.together`).\n",
        "| into | Lumos | connections | of one | wall s, median (least to greatest) | CPU s | peak MiB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for target in TARGETS:
        for told, mode in MODES.items():
            taken: dict[int, list[Taken]] = {1: [], 2: []}
            for _ in range(rounds):
                for connections, runs in taken.items():
                    runs.append(_replaced(bench, target, mode, connections))
            for connections, runs in taken.items():
                ratio = median(runs).wall / median(taken[1]).wall
                lines.append(f"| {target} | {told} | {connections} | {ratio:.2f} | {cells(runs)} |")
    return "\n".join([*lines, ""])


def _replaced(bench: Bench, target: str, mode: str, connections: int) -> Taken:
    url, prepare, sums = TARGETS[target]
    source = "csv", {"file_path": str(bench.rows.file), "types": read_as(COLUMNS)}
    job = job_of(source, table_at(url(bench), load_mode="replace", connections=connections))
    prepare(bench)
    taken = timed(bench, job, mode)
    if (found := sums(bench)) != bench.rows.sums:
        raise FailedError(f"other rows: {found} for {bench.rows.sums}")
    return taken


if __name__ == "__main__":
    main()
