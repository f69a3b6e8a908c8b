"""Lumos beside the databases' own tools and its peers: python -m benchmarks.run [--rows N] [--rounds N] [--works ..].

Each work's contenders take turns, so that a machine that slows down slows all of them; each is a whole process, its
result is checked after every run, and what is told is the median. `make bench` installs the peers, each in an
environment of its own under .bench, and writes docs/performance.md.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg

from benchmarks import documents, kinds, memory, mongo, overhead, together, transforms
from benchmarks.data import LINEITEM, lineitem
from benchmarks.measure import FailedError, Taken, cells, median, run
from benchmarks.works import FLOOR, LIMIT, LUMOS, STAGED, STAGED_FLOOR, STAGED_TARGET, WORKS, Bench, Work, write_binary
from lumos_dagster_tests.servers import mariadb, postgres

PROJECT = Path(__file__).parents[1]
PLACE = PROJECT / ".bench"
PAGE = PROJECT / "docs" / "performance.md"
LARGE, FAST = 1_000_000, ("DuckDB", "ingestr", FLOOR, STAGED_FLOOR)
PACKAGES = {
    "tools": ["tpchgen-cli==4.0.0"],
    "duckdb": [
        "duckdb==1.5.5", "duckdb-extensions", "duckdb-extension-postgres-scanner==1.5.5",
        "duckdb-extension-mysql-scanner==1.5.5", "duckdb-extension-sqlite-scanner==1.5.5",
    ],
    "pandas": ["pandas==3.0.*", "sqlalchemy==2.1.*", "psycopg[binary]==3.3.*"],
    "dlt": ["dlt[postgres]==1.31.0", "pyarrow"],
    "ingestr": ["ingestr==1.1.22"],
    "pgloader": [],  # Debian's; `make bench` installs it
    "sling": ["sling==1.4.11", "sling-linux-amd64==1.4.11"],
    "spark": ["pyspark==4.1.4"],  # and Debian's Java and driver; `make bench` installs them where it is asked for
}  # fmt: skip
ON_REQUEST = ("sling", "spark")
"""Peers so slow that they are measured only where they are asked for."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table for each work, and write the page where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 6_000_000])
    parser.add_argument(
        "--rounds", type=int, nargs="+", default=[5], help="for the first of --rows, and for the others"
    )
    parser.add_argument("--works", nargs="*", default=[], help="parts of their names; all by default")
    parser.add_argument("--without-peers", action="store_true", help="only the limit, Lumos, and those of --also")
    parser.add_argument("--also", nargs="*", default=[], choices=ON_REQUEST, help="peers that take long")
    parser.add_argument("--write-docs", action="store_true", help=f"write {PAGE.relative_to(PROJECT)}")
    asked = parser.parse_args(arguments)
    asked.peers = {*asked.also} | (set() if asked.without_peers else {*PACKAGES}.difference(ON_REQUEST))
    works = [work for work in WORKS if not asked.works or any(part in work.name for part in asked.works)]
    told = [_machine(asked.rounds)]
    rounds, many = asked.rounds[0], asked.rounds[-1]

    def tell(table: str) -> None:
        print(table, flush=True)
        told.append(table)
        if asked.write_docs:  # each at once: the next may take an hour
            PAGE.write_text("\n".join(told))

    first, *more = asked.rows
    for table in _of_rows(first, works, asked, rounds):
        tell(table)
    if not asked.works:
        tell(mongo.measured(mongo.ROWS, rounds))
        tell(transforms.measured(LARGE, rounds))
        tell(documents.measured(documents.ROWS, rounds))
        tell(overhead.measured(rounds))
        with bench_of(memory.ROWS) as bench:
            tell(memory.measured(bench))
            tell(together.measured(bench, rounds))
            tell(kinds.measured(bench, rounds))
    for count in more:
        for table in _of_rows(count, works, asked, many):
            tell(table)


def print_measured(
    what: str | None, rows: int, measured: Callable[[Bench, int], str], arguments: Sequence[str] | None
) -> None:
    """One table by itself, with so many rows on the servers; the command may say how many rounds."""
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    with bench_of(rows) as bench:
        print(measured(bench, asked.rounds))


def _of_rows(rows: int, works: Sequence[Work], asked: argparse.Namespace, rounds: int) -> Iterator[str]:
    """The tables of so many rows; of many, without the works and peers that would take hours."""
    is_large = rows > LARGE
    yield f"## {rows:,} rows\n"
    with bench_of(rows) as bench:
        for work in works:
            if is_large and not work.large_targets and not asked.works:
                continue
            peers = {name: peer for name, peer in work.peers.items() if not is_large or name in FAST}
            of_work = replace(bench, rows=work.rows(PLACE / "data")) if work.rows else bench
            targets = (work.large_targets if is_large else {}) or work.targets
            yield measured(replace(work, peers=peers, targets=targets), of_work, rounds, asked.peers)


def measured(work: Work, bench: Bench, rounds: int, peers: Container[str]) -> str:
    """A work's table, in Markdown. One that fails or gives other rows is told as such, never left out."""
    taken: dict[str, list[Taken]] = {}
    failed: dict[str, str] = {}
    contenders = work.contenders(bench)
    around = {"DAGSTER_HOME": str(bench.folder / "home"), "LUMOS_JOBS_DIR": str(bench.folder)}
    for _ in range(rounds):
        for name, (environment, command) in contenders.items():
            if name in failed or (environment and environment not in peers):
                continue
            try:
                if environment:
                    installed(environment)
                work.prepare(bench)
                found = run(command, bench.folder, around)
                if (sums := work.sums(bench)) != (expected := work.expected(bench)):
                    raise FailedError(f"other rows: {sums} for {expected}")
            except (FailedError, subprocess.CalledProcessError) as error:
                told = str(getattr(error, "stderr", "") or error).replace(str(PROJECT), ".")
                failed[name] = " ".join(told.split())[-300:]
                continue
            taken.setdefault(name, []).append(found)
    return "\n".join(_table(work, taken, failed))


def _table(work: Work, taken: dict[str, list[Taken]], failed: dict[str, str]) -> Iterator[str]:
    wall = {name: median(runs).wall for name, runs in taken.items()}
    limit = next((seconds for name, seconds in wall.items() if name.endswith(f"({LIMIT})")), None)
    yield f"### {work.name}\n"
    yield "| | of the limit | wall s, median (least to greatest) | CPU s | peak MiB |\n|---|---:|---:|---:|---:|"
    for name, runs in sorted(taken.items(), key=lambda item: wall[item[0]]):
        ratio = f"{wall[name] / limit:.2f}" if limit else ""
        shown = f"**{name}**" if name == LUMOS else name
        yield f"| {shown} | {ratio} | {cells(runs)} |"
    yield from (f"| {name} | not measured: {reason.replace('|', '/')} | | | |" for name, reason in failed.items())
    yield ""
    if limit and work.targets:
        held = (_held(name, wall[name] / limit, target) for name, target in work.targets.items() if name in wall)
        yield f"Held to a part of the limit: {'; '.join(held)}."
    if LUMOS in wall and STAGED in wall:
        yield f"Held to a part of streaming: {_held(STAGED, wall[STAGED] / wall[LUMOS], STAGED_TARGET)}."
    yield ""


def _held(name: str, ratio: float, target: float) -> str:
    return f"{name} {target}, {'met' if ratio <= target else 'missed'} ({ratio:.2f})"


def installed(environment: str) -> Path:
    """A folder of programs with the packages of one environment, made where it is missing."""
    place = PLACE / environment
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [place / "bin" / "pip", "install", "-q", *PACKAGES[environment]]
        if PACKAGES[environment]:
            subprocess.run(pip, check=True, capture_output=True, text=True)
        (place / "ready").touch()
    return place / "bin"


@contextmanager
def bench_of(rows: int) -> Iterator[Bench]:
    """So many rows, and servers to load them into."""
    data = lineitem(rows, PLACE / "data", installed("tools") / "tpchgen-cli")
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lumos-bench-"))) for _ in range(3)]
        server = next(stack.enter_context(_ending(postgres.serve(folders[1]))))
        maria = stack.enter_context(mariadb.served(folders[2]))
        name = f"bench_{uuid.uuid4().hex[:8]}"
        server.run(f"create database {name}")
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            connection.execute(f"create table source {LINEITEM}")
            with data.file.open("rb") as lines, connection.cursor().copy("copy source from stdin csv header") as copy:
                while piece := lines.read(1 << 20):
                    copy.write(piece)
            connection.execute("vacuum analyze source")
            write_binary(connection, "source", folders[0])
        with maria.connect() as raw, raw.cursor() as cursor:
            cursor.execute(f"create database {name}")
        (folders[0] / "home").mkdir()
        yield Bench(data, folders[0], server.url(name), maria.url(name), PLACE)


@contextmanager
def _ending(servers: "Iterator[postgres.PostgresServer]") -> "Iterator[Iterator[postgres.PostgresServer]]":
    yield servers
    next(servers, None)


def _machine(rounds: Sequence[int]) -> str:
    cores, memory = os.cpu_count(), psutil.virtual_memory().total >> 30
    turns = f"{rounds[0]} rounds in turn" + (f" ({rounds[1]} of more rows)" if rounds[1:] else "")
    return (
        "# How fast it is\n\n"
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: rows of TPC-H lineitem, and Debian's list of "
        f"packages as real data, {turns}, on {cores} cores and {memory} GiB ({platform.machine()}, "
        f"Python {platform.python_version()}); the load of the machine was {os.getloadavg()[0]:.1f} when it began. "
        "Each contender is a whole process, from its start to its end; its rows are counted and summed after each "
        "run. Of Lumos that is its data path without Dagster, and two commands with all of it; its ops alone are timed "
        "in a process that has loaded what the one that Dagster forks for a step has loaded. A ratio below 1 is faster "
        "than the database's own tool.\n"
    )


if __name__ == "__main__":
    main()
