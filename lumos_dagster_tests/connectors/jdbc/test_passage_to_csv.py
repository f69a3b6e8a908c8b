"""Rows past the batches from PostgreSQL into a CSV file: the very same file, or not at all."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.jdbc.test_passage import both, make, move
from lumos_dagster_tests.servers.postgres import PostgresDatabase

TEXTS = [
    "",
    "plain",
    'a "quoted"',
    "with,comma",
    "two\nlines",
    "\r",
    "\\.",
    "\\N",
    " blank ",
    "naïve 😀",
    "=1",
]


@pytest.mark.parametrize("columns", [None, ["n"]])
def test_a_file_is_the_very_same_as_from_batches(
    postgres: PostgresDatabase, run: RunContext, tmp_path: Path, columns: list[str] | None
) -> None:
    make(
        postgres, "create table a (x text, n bigint, m numeric(9,5), d date, u uuid, j json, c character(5), b boolean)"
    )
    with postgres.connect() as raw:
        row = "(%s, -1, 0.00010, '0001-01-01', '6f2c8e0a-5b1d-4c3e-9a7f-0123456789ab', '{\"a\":  1}', 'ab', true)"
        raw.cursor().executemany(f"insert into a values {row}", [(text,) for text in TEXTS])
        raw.execute("insert into a values (null, null, null, null, null, null, null, false)")
    source, _ = both(postgres)
    written = {}
    for mode, file in (("streaming", "a.csv.gz"), ("streaming", "b.csv"), ("staged", "c.csv"), ("append", "d.csv")):
        more = {"mode": "append"} if mode == "append" else {}
        done = move(run, {**source, "columns": columns}, {"file_path": str(tmp_path / file), **more}, mode)
        assert done.went_as_sent == (mode != "append")
        assert done.tasks["load"].count.inserted == len(TEXTS) + 1
        written[file] = (tmp_path / file).read_bytes()

    assert written["b.csv"] == written["c.csv"] == written["d.csv"] == gzip.decompress(written["a.csv.gz"])


@pytest.mark.parametrize(
    "more",
    [
        {"delimiter": ";"},
        {"encoding": "utf-16"},
        {"null_value": "NULL"},
        {"quoting": "all"},
        {"line_terminator": "\r\n"},
        {"formula_guard": "escape"},
        {"formula_guard": "reject"},
        {"write_header": False},
        {"fields": ["y", "x"]},
    ],
)
def test_a_file_in_another_spelling_is_written_from_batches(
    postgres: PostgresDatabase, run: RunContext, tmp_path: Path, more: dict[str, Any]
) -> None:
    make(postgres, "create table a as select 1 as x, null as y")
    assert not move(run, both(postgres)[0], {"file_path": str(tmp_path / "b.csv"), **more}).went_as_sent


@pytest.mark.parametrize("kind", ["real", "timestamp", "time", "bytea"])
def test_what_the_server_spells_another_way_is_written_from_batches(
    postgres: PostgresDatabase, run: RunContext, tmp_path: Path, kind: str
) -> None:
    make(postgres, f"create table a (n integer, x {kind})")
    assert not move(run, both(postgres)[0], {"file_path": str(tmp_path / "b.csv")}).went_as_sent
