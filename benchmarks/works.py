"""What is measured: each work has a limit (the database's own tool), Lumos, and the peers, all on the same rows."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from benchmarks.data import LINEITEM, PACKAGE_SUMS, PACKAGES, SUMS, Rows, columns_of, packages
from benchmarks.measure import Taken, run

HERE = Path(__file__).parent
COLUMNS = columns_of(LINEITEM)
"""The table's columns with their types."""
PYTHON = sys.executable
DEFINITIONS = HERE.parent / "lumos_dagster" / "definitions.py"
LUMOS, OPS, LIMIT = "Lumos, data path", "Lumos, its ops alone", "limit"
STAGED, DAGSTER = "Lumos, data path, staged", "Lumos, `dagster job execute`"
FLOOR = "psql \\copy of rows that are in binary form already"
"""What is left to the server whatever the client does: nobody who loads by one COPY is faster."""
STAGED_FLOOR = "psql, binary COPY to a file and then from it"
"""What keeping rows in between costs whoever does it: one server works after the other."""
STAGED_TARGET = 1.35
"""Of streaming's time."""


@dataclass(frozen=True)
class Bench:
    """Where a run works: the rows, the servers, a folder of its own, and the peers' environments."""

    rows: Rows
    folder: Path
    postgres: str
    """URL of a database that holds the rows as `source`."""
    mariadb: str
    peers: Path

    @property
    def sqlite(self) -> Path:
        """The database file that is loaded."""
        return self.folder / "target.db"

    @property
    def out(self) -> Path:
        """The CSV file that is written."""
        return self.folder / "out.csv"

    def peer(self, environment: str, script: str, *arguments: str) -> list[str]:
        """A peer's script in its environment."""
        return [str(self.peers / environment / "bin" / "python"), str(HERE / "peers" / script), *arguments]


Command = Callable[[Bench], list[str]]


@dataclass(frozen=True)
class Work:
    """One work. `targets` are the ratios to the limit that contenders are held to, `large_targets` with many rows.

    One without the latter is not measured with many.
    """

    name: str
    job: Callable[[Bench], Mapping[str, Any]]
    limit: str
    command: Command
    prepare: Callable[[Bench], None]
    sums: Callable[[Bench], tuple[Any, ...]]
    targets: Mapping[str, float]
    peers: Mapping[str, tuple[str, Command]] = field(default_factory=dict)
    """Name -> the environment that it needs, and its command."""
    large_targets: Mapping[str, float] = field(default_factory=dict)
    kept: str = "true"
    """Which of the rows are to arrive, as PostgreSQL's SQL."""
    rows: Callable[[Path], Rows] | None = None
    """What makes its rows in a folder, where they are others than lineitem's."""

    def expected(self, bench: Bench) -> tuple[Any, ...]:
        """What `sums` is to give."""
        if self.kept == "true":
            return bench.rows.sums
        with psycopg.connect(bench.postgres) as connection:
            return tuple(connection.execute(f"select {SUMS} from source where {self.kept}").fetchone() or ())

    def contenders(self, bench: Bench) -> dict[str, tuple[str, list[str]]]:
        """All that is run, the limit first: name -> environment and command."""
        (bench.folder / "job.yaml").write_text(json.dumps(self.job(bench)))
        lumos, dagster = (str(Path(PYTHON).with_name(name)) for name in ("lumos", "dagster"))
        return {
            f"{self.limit} ({LIMIT})": ("", self.command(bench)),
            LUMOS: ("", [PYTHON, str(HERE / "path.py"), "job.yaml"]),
            OPS: ("", [PYTHON, str(HERE / "path.py"), "job.yaml", "ops"]),
            STAGED: ("", [PYTHON, str(HERE / "path.py"), "job.yaml", "staged"]),
            "Lumos, `lumos run`": ("", [lumos, "run", "job.yaml", "--mode", "streaming"]),
            DAGSTER: ("", [dagster, "job", "execute", "-f", str(DEFINITIONS), "-j", "job"]),
            **{name: (environment, command(bench)) for name, (environment, command) in self.peers.items()},
        }


def timed(bench: Bench, job: Mapping[str, Any], mode: str) -> Taken:
    """What the data path of a job takes, as path.py does it in that mode. FailedError."""
    (bench.folder / "timed.yaml").write_text(json.dumps(job))
    return run([PYTHON, str(HERE / "path.py"), "timed.yaml", mode], bench.folder, {})


def write_binary(connection: "psycopg.Connection[Any]", table: str, folder: Path) -> None:
    """The rows of a table in COPY's binary form, as a file of its name."""
    copy = f"copy {table} to stdout (format binary)"
    with (folder / f"{table}.bin").open("wb") as file, connection.cursor().copy(copy) as rows:
        file.writelines(rows)


def postgres_table(bench: Bench) -> None:
    """An empty table in PostgreSQL."""
    with psycopg.connect(bench.postgres, autocommit=True) as connection:
        connection.execute(f"drop table if exists lineitem; create table lineitem {LINEITEM}")
        connection.execute("drop table if exists _dlt_loads, _dlt_version, _dlt_pipeline_state")  # of dlt's last round
        connection.execute("drop schema if exists public_staging cascade; checkpoint")


def postgres_table_of_half(bench: Bench) -> None:
    """A table with a key and every second line, its comments outdated."""
    postgres_table(bench)
    with psycopg.connect(bench.postgres, autocommit=True) as connection:
        connection.execute("alter table lineitem add primary key (l_orderkey, l_linenumber)")
        connection.execute("insert into lineitem select * from source where l_linenumber % 2 = 0")
        connection.execute("update lineitem set l_extendedprice = 0, l_comment = 'old'")
        connection.execute("vacuum analyze lineitem")
        connection.execute("checkpoint")


def postgres_table_of_changed(bench: Bench) -> None:
    """An empty table for rows with another name for a column, and dates as text."""
    columns = LINEITEM.replace("l_comment", "note").replace("l_shipdate date", "l_shipdate varchar(10)")
    _made_anew(bench, "lineitem", columns)


def postgres_packages(bench: Bench) -> None:
    """An empty table of packages in PostgreSQL; and once, its rows in binary form."""
    _made_anew(bench, "packages", PACKAGES)
    if not (bench.folder / "packages.bin").exists():
        subprocess.run(psql(bench, f"\\copy packages from '{bench.rows.file}' csv header"), check=True)
        with psycopg.connect(bench.postgres) as connection:
            write_binary(connection, "packages", bench.folder)
        _made_anew(bench, "packages", PACKAGES)


def _made_anew(bench: Bench, table: str, columns: str) -> None:
    with psycopg.connect(bench.postgres, autocommit=True) as connection:
        connection.execute(f"drop table if exists {table}; create table {table} {columns}")
        connection.execute("checkpoint")


def postgres_sums(bench: Bench, sums: str = SUMS, table: str = "lineitem") -> tuple[Any, ...]:
    """What was loaded there."""
    with psycopg.connect(bench.postgres) as connection:
        return tuple(connection.execute(f"select {sums} from {table}").fetchone() or ())


def mariadb_table(bench: Bench) -> None:
    """An empty table in MariaDB."""
    with _mariadb(bench) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists lineitem")
        cursor.execute(f"create table lineitem {LINEITEM}")


def mariadb_source(bench: Bench) -> None:
    """The rows in MariaDB, put there once, and an empty table in PostgreSQL."""
    with _mariadb(bench) as connection, connection.cursor() as cursor:
        if not cursor.execute("show tables like 'source'"):
            cursor.execute(f"create table source {LINEITEM}")
            subprocess.run(_load_data(bench, str(bench.rows.file), "source"), check=True)
    postgres_table(bench)


def mariadb_sums(bench: Bench) -> tuple[Any, ...]:
    """What was loaded there."""
    with _mariadb(bench) as connection, connection.cursor() as cursor:
        cursor.execute(f"select {SUMS} from lineitem")
        return tuple(cursor.fetchone() or ())


def sqlite_table(bench: Bench) -> None:
    """An empty table in a new file."""
    import sqlite3

    bench.sqlite.unlink(missing_ok=True)
    with sqlite3.connect(bench.sqlite) as connection:
        connection.execute("pragma journal_mode = wal")
        types = LINEITEM.replace(" date", " text").replace("decimal(12,2)", "text")
        connection.execute(f"create table lineitem {types}")
    connection.close()


def sqlite_sums(bench: Bench) -> tuple[Any, ...]:
    """What was loaded there; sums of decimals that are kept as text, in hundredths."""
    import sqlite3

    query = "count(*), sum(cast(round(l_extendedprice * 100) as integer)), sum(l_orderkey), count(distinct l_shipdate)"
    connection = sqlite3.connect(bench.sqlite)
    rows, hundredths, keys, days = connection.execute(f"select {query} from lineitem").fetchone()
    connection.close()
    return rows, Decimal(hundredths) / 100, keys, days


def no_file(bench: Bench) -> None:
    """No CSV file yet."""
    bench.out.unlink(missing_ok=True)


def file_sums(bench: Bench) -> tuple[Any, ...]:
    """What the written file holds."""
    import duckdb

    types = "types={'l_extendedprice': 'decimal(12,2)'}"
    row = duckdb.execute(f"select {SUMS} from read_csv('{bench.out}', {types})").fetchone() or ()
    return tuple(row)


def _mariadb(bench: Bench) -> "pymysql.Connection[Any]":
    host, port, database = _mariadb_place(bench)
    return pymysql.connect(host=host, port=int(port), user="root", database=database, autocommit=True)


def _mariadb_place(bench: Bench) -> tuple[str, str, str]:
    """Host, port and database."""
    _, _, place = bench.mariadb.partition("@")
    address, _, database = place.partition("/")
    host, _, port = address.partition(":")
    return host, port, database


def job_of(read: tuple[str, Mapping[str, Any]], load: tuple[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """A job of one extractor and one loader, each its type and its options."""
    return {
        "version": 1,
        "name": "Bench",
        "execution": "streaming",
        "jobs": {
            "read": {"type": "extractor", "extractor_type": read[0], "options": dict(read[1])},
            "load": {"type": "loader", "loader_type": load[0], "options": dict(load[1])},
        },
        "dag": {"dependencies": {"load": ["read"]}},
    }


def _changed(bench: Bench) -> Mapping[str, Any]:
    job = dict(job_of(_csv(bench), table_at(bench.postgres, load_mode="insert")))
    change = {
        "type": "transformer", "transformer_type": "json",
        "options": {"transforms": [
            {"operation": "rename_field", "from": "l_comment", "to": "note"},
            {"operation": "filter_field", "field": "l_returnflag", "condition": "not_equals", "value": "R"},
            {"operation": "format_date", "field": "l_shipdate", "from_format": "YYYY-MM-DD", "to_format": "DD/MM/YYYY"},
        ]},
    }  # fmt: skip
    job["jobs"] = job["jobs"] | {"change": change}
    job["dag"] = {"dependencies": {"change": ["read"], "load": ["change"]}}
    return job


def _staged(bench: Bench, *statements: str) -> list[str]:
    copy = f"\\copy staged from '{bench.rows.file}' csv header"
    commands = [f"create temporary table staged {LINEITEM}", copy, *statements]
    return ["psql", "-q", "-1", bench.postgres, *(word for command in commands for word in ("-c", command))]


def _csv(bench: Bench) -> tuple[str, Mapping[str, Any]]:
    return "csv", {"file_path": str(bench.rows.file)}


def table_at(url: str, table: str = "lineitem", **more: Any) -> tuple[str, Mapping[str, Any]]:
    """A table, as the jdbc connector is told of it."""
    return "jdbc", {"connection_string": url, "table_name": table, **more}


def psql(bench: Bench, command: str) -> list[str]:
    """The program with one command."""
    return ["psql", "-q", bench.postgres, "-c", command]


def _load_data(bench: Bench, file: str, table: str = "lineitem") -> list[str]:
    load = (
        f"load data local infile '{file}' into table {table} character set utf8mb4 "
        "fields terminated by ',' optionally enclosed by '\"' lines terminated by '\\n' ignore 1 lines"
    )
    return [*_mariadb_client(bench), "--local-infile=1", "-e", load]


def _mariadb_client(bench: Bench) -> list[str]:
    host, port, database = _mariadb_place(bench)
    return ["mariadb", f"-h{host}", f"-P{port}", "-uroot", database]


def _duck(
    source: Callable[[Bench], str],
    target: Callable[[Bench], str],
    columns: Mapping[str, str] = COLUMNS,
    selected: str = "* from {}",
    key: str = "",
) -> dict[str, tuple[str, Command]]:
    def command(bench: Bench) -> list[str]:
        return bench.peer("duckdb", "duck.py", source(bench), target(bench), json.dumps(columns), selected, key)

    return {"DuckDB": ("duckdb", command)}


def _sling(source: Callable[[Bench], str], target: Callable[[Bench], str]) -> dict[str, tuple[str, Command]]:
    """Each place is a file or URL#TABLE."""

    def command(bench: Bench) -> list[str]:
        # Its Python package looks for a newer program in the network; the one that was installed is started itself.
        program = f"{bench.peers}/sling/lib/*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"
        words = ["env", f"HOME={bench.folder}", "SLING_DISABLE_TELEMETRY=true", "sh", "-c", f'exec {program} "$@"']
        words += ["sling", "run", "--mode", "truncate"]
        for place, connection, thing in (
            (source(bench), "--src-conn", "--src-stream"), (target(bench), "--tgt-conn", "--tgt-object")
        ):  # fmt: skip
            url, _, table = place.rpartition("#")
            address = f"{url}?sslmode=disable" if url.startswith("postgresql:") else url.replace("mariadb:", "mysql:")
            words += [connection, address, thing, table] if url else [thing, f"file://{place}"]
        return words

    return {"sling": ("sling", command)}


def _spark(source: Callable[[Bench], str], target: Callable[[Bench], str]) -> dict[str, tuple[str, Command]]:
    """Places as DuckDB's."""

    def command(bench: Bench) -> list[str]:
        return bench.peer("spark", "spark_load.py", source(bench), target(bench), json.dumps(COLUMNS))

    return {"Spark, local": ("spark", command)}


def _to_postgres(environment: str, script: str, *more: str) -> tuple[str, Command]:
    return environment, lambda bench: bench.peer(
        environment, script, str(bench.rows.file), bench.postgres, "lineitem", *more
    )


def read_as(columns: Mapping[str, str]) -> dict[str, str]:
    """The columns of a table as those of a CSV file, by names of types that ingestr and Lumos know."""
    return {name: "string" if kind.startswith(("varchar", "text")) else kind for name, kind in columns.items()}


def _ingestr(
    source: Callable[[Bench], str],
    target: Callable[[Bench], str],
    sqlite: bool = False,
    columns: Mapping[str, str] = COLUMNS,
    key: Sequence[str] = (),
) -> dict[str, Any]:
    """With the columns' types given, as it says to; each place is URL#TABLE. With a key, rows are merged."""
    types = read_as(columns)
    if sqlite:
        types = {name: "bigint" if "int" in kind else "string" for name, kind in columns.items()}

    def command(bench: Bench) -> list[str]:
        (source_url, _, source_table), (url, _, table) = (place(bench).partition("#") for place in (source, target))
        words = [
            str(bench.peers / "ingestr" / "bin" / "ingestr"), "ingest", "--yes", "--progress", "log",
            "--no-load-timestamp", "--incremental-strategy", "merge" if key else "append",
            *(word for name in key for word in ("--primary-key", name)),
            "--source-uri", source_url, "--source-table", source_table, "--dest-uri", url, "--dest-table", table,
        ]  # fmt: skip
        if source_url.startswith("csv:"):
            words += ["--no-inference", "--columns", ",".join(f"{name}:{kind}" for name, kind in types.items())]
        return words

    return {"ingestr": ("ingestr", command)}


def _mysql_table(bench: Bench, table: str = "lineitem") -> str:
    place = bench.mariadb.partition("://")[2]
    return f"mysql://{place}#{place.rpartition('/')[2]}.{table}"


def _pgloader(bench: Bench) -> list[str]:
    (bench.folder / "csv.load").write_text(
        f"LOAD CSV FROM '{bench.rows.file}' INTO {bench.postgres} TARGET TABLE lineitem "
        "WITH skip header = 1, fields terminated by ',', fields optionally enclosed by '\"';\n"
    )
    return ["pgloader", "--on-error-stop", "csv.load"]


def data_path(target: float) -> Mapping[str, float]:
    """The data path is held to it, with the start of a process and without."""
    return {LUMOS: target, OPS: target}


def _bash(line: str) -> list[str]:
    return [shutil.which("bash") or "bash", "-o", "pipefail", "-c", line]


WORKS = [
    Work(
        "CSV to PostgreSQL",
        lambda bench: job_of(_csv(bench), table_at(bench.postgres, load_mode="insert")),
        "psql \\copy",
        lambda bench: psql(bench, f"\\copy lineitem from '{bench.rows.file}' csv header"),
        postgres_table,
        postgres_sums,
        data_path(0.8),
        {
            **_duck(lambda bench: f"csv:{bench.rows.file}", lambda bench: f"{bench.postgres}#lineitem"),
            **_ingestr(lambda bench: f"csv://{bench.rows.file}#x", lambda bench: f"{bench.postgres}#public.lineitem"),
            **_sling(lambda bench: str(bench.rows.file), lambda bench: f"{bench.postgres}#public.lineitem"),
            **_spark(lambda bench: f"csv:{bench.rows.file}", lambda bench: f"{bench.postgres}#lineitem"),
            "pgloader": ("pgloader", _pgloader),
            "pandas, to_sql by COPY": _to_postgres("pandas", "frames.py"),
            "dlt, its best settings": _to_postgres("dlt", "dlt_load.py", "best"),
            "dlt, as documented": _to_postgres("dlt", "dlt_load.py", "default"),
            FLOOR: ("", lambda bench: psql(bench, "\\copy lineitem from source.bin (format binary)")),
        },
        large_targets=data_path(0.7) | {DAGSTER: 0.9},
    ),
    Work(
        "CSV of real data to PostgreSQL",
        lambda bench: job_of(_csv(bench), table_at(bench.postgres, "packages", load_mode="insert")),
        "psql \\copy",
        lambda bench: psql(bench, f"\\copy packages from '{bench.rows.file}' csv header"),
        postgres_packages,
        lambda bench: postgres_sums(bench, PACKAGE_SUMS, "packages"),
        data_path(0.8),
        {
            **_duck(
                lambda bench: f"csv:{bench.rows.file}", lambda bench: f"{bench.postgres}#packages", columns_of(PACKAGES)
            ),
            **_ingestr(
                lambda bench: f"csv://{bench.rows.file}#x",
                lambda bench: f"{bench.postgres}#public.packages",
                columns=columns_of(PACKAGES),
            ),
            **_sling(lambda bench: str(bench.rows.file), lambda bench: f"{bench.postgres}#public.packages"),
            FLOOR: ("", lambda bench: psql(bench, "\\copy packages from packages.bin (format binary)")),
        },
        rows=packages,
    ),
    Work(
        "CSV to PostgreSQL, renamed, filtered, dates written anew",
        _changed,
        "psql, staged, SQL",
        lambda bench: _staged(
            bench,
            "insert into lineitem select l_orderkey, l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, "
            "l_discount, l_tax, l_returnflag, l_linestatus, to_char(l_shipdate, 'DD/MM/YYYY'), l_commitdate, "
            "l_receiptdate, l_shipinstruct, l_shipmode, l_comment from staged where l_returnflag <> 'R'",
        ),
        postgres_table_of_changed,
        postgres_sums,
        data_path(0.56),
        _duck(
            lambda bench: f"csv:{bench.rows.file}",
            lambda bench: f"{bench.postgres}#lineitem",
            selected="* replace (strftime(l_shipdate, '%d/%m/%Y') as l_shipdate) from {} where l_returnflag <> 'R'",
        ),
        kept="l_returnflag <> 'R'",
        large_targets=data_path(0.56),
    ),
    Work(
        "CSV to PostgreSQL, upsert of which half is there",
        lambda bench: job_of(
            _csv(bench),
            table_at(bench.postgres, load_mode="upsert", key_column=["l_orderkey", "l_linenumber"]),
        ),
        "psql, staged, ON CONFLICT",
        lambda bench: _staged(
            bench,
            "insert into lineitem select * from staged on conflict (l_orderkey, l_linenumber) do update set "
            + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in ("l_orderkey", "l_linenumber")),
        ),
        postgres_table_of_half,
        postgres_sums,
        data_path(0.94),
        _duck(
            lambda bench: f"csv:{bench.rows.file}",
            lambda bench: f"{bench.postgres}#lineitem",
            key="l_orderkey, l_linenumber",
        )
        | _ingestr(
            lambda bench: f"csv://{bench.rows.file}#x",
            lambda bench: f"{bench.postgres}#public.lineitem",
            key=("l_orderkey", "l_linenumber"),
        ),
    ),
    Work(
        "PostgreSQL to CSV",
        lambda bench: job_of(table_at(bench.postgres, "source"), ("csv", {"file_path": str(bench.out)})),
        "psql \\copy to",
        lambda bench: psql(bench, f"\\copy source to '{bench.out}' csv header"),
        no_file,
        file_sums,
        data_path(1.1),
        _duck(lambda bench: f"{bench.postgres}#source", lambda bench: f"csv:{bench.out}")
        | _ingestr(lambda bench: f"{bench.postgres}#public.source", lambda bench: f"csv://{bench.out}#x")
        | _sling(lambda bench: f"{bench.postgres}#public.source", lambda bench: str(bench.out)),
        large_targets=data_path(1.1),
    ),
    Work(
        "PostgreSQL to PostgreSQL",
        lambda bench: job_of(table_at(bench.postgres, "source"), table_at(bench.postgres, load_mode="insert")),
        "pipe of binary COPY",
        lambda bench: _bash(
            f"psql -q {bench.postgres} -c 'copy source to stdout (format binary)' | "
            f"psql -q {bench.postgres} -c 'copy lineitem from stdin (format binary)'"
        ),
        postgres_table,
        postgres_sums,
        data_path(1.1),
        _duck(lambda bench: f"{bench.postgres}#source", lambda bench: f"{bench.postgres}#lineitem")
        | _ingestr(lambda bench: f"{bench.postgres}#public.source", lambda bench: f"{bench.postgres}#public.lineitem")
        | _sling(lambda bench: f"{bench.postgres}#public.source", lambda bench: f"{bench.postgres}#public.lineitem")
        | _spark(lambda bench: f"{bench.postgres}#source", lambda bench: f"{bench.postgres}#lineitem")
        | {
            STAGED_FLOOR: (
                "",
                lambda bench: _bash(
                    f"psql -q {bench.postgres} -c 'copy source to stdout (format binary)' > kept.bin && "
                    f"psql -q {bench.postgres} -c 'copy lineitem from stdin (format binary)' < kept.bin"
                ),
            )
        },
        large_targets=data_path(1.1),
    ),
    Work(
        "CSV to MariaDB",
        lambda bench: job_of(_csv(bench), table_at(bench.mariadb, load_mode="insert")),
        "LOAD DATA",
        lambda bench: _load_data(bench, str(bench.rows.file)),
        mariadb_table,
        mariadb_sums,
        data_path(1.1),
        _duck(lambda bench: f"csv:{bench.rows.file}", lambda bench: f"{bench.mariadb}#lineitem")
        | _ingestr(lambda bench: f"csv://{bench.rows.file}#x", _mysql_table),
    ),
    Work(
        "PostgreSQL to MariaDB",
        lambda bench: job_of(table_at(bench.postgres, "source"), table_at(bench.mariadb, load_mode="insert")),
        "COPY into LOAD DATA through a FIFO",
        lambda bench: _bash(
            f"rm -f pipe; mkfifo pipe; (psql -q {bench.postgres} -c '\\copy source to pipe csv header' &) ; "
            + " ".join(f"'{word}'" if word[0] == "-" else word for word in _load_data(bench, "pipe")[:-1])
            + f' "{_load_data(bench, "pipe")[-1].replace(chr(34), chr(92) + chr(34))}"'
        ),
        mariadb_table,
        mariadb_sums,
        data_path(1.1),
        _duck(lambda bench: f"{bench.postgres}#source", lambda bench: f"{bench.mariadb}#lineitem")
        | _ingestr(lambda bench: f"{bench.postgres}#public.source", _mysql_table),
    ),
    Work(
        "MariaDB to PostgreSQL",
        lambda bench: job_of(table_at(bench.mariadb, "source"), table_at(bench.postgres, load_mode="insert")),
        "mariadb --batch into psql",
        lambda bench: _bash(
            f"{' '.join(_mariadb_client(bench))} --batch --quick --skip-column-names -e 'select * from source' | "
            f"psql -q {bench.postgres} -c 'copy lineitem from stdin'"
        ),
        mariadb_source,
        postgres_sums,
        {},
        _duck(lambda bench: f"{bench.mariadb}#source", lambda bench: f"{bench.postgres}#lineitem")
        | _ingestr(lambda bench: _mysql_table(bench, "source"), lambda bench: f"{bench.postgres}#public.lineitem"),
    ),
    Work(
        "CSV to SQLite",
        lambda bench: job_of(_csv(bench), table_at(f"jdbc:sqlite:{bench.sqlite}", load_mode="insert")),
        "sqlite3 .import",
        lambda bench: ["sqlite3", str(bench.sqlite), f".import --csv --skip 1 {bench.rows.file} lineitem"],
        sqlite_table,
        sqlite_sums,
        data_path(0.75),
        _duck(lambda bench: f"csv:{bench.rows.file}", lambda bench: f"sqlite:{bench.sqlite}#lineitem")
        | _ingestr(
            lambda bench: f"csv://{bench.rows.file}#x",
            lambda bench: f"sqlite:///{bench.sqlite}#main.lineitem",
            sqlite=True,
        ),
    ),
]
