"""`lumos rejects`: what was rejected is found, shown, and written so that it can be mended and loaded."""

import json
import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lumos_dagster.accounting import BadRow, Book
from lumos_dagster.cli.exporting import export_rows
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.orchestration.instance import open_instance
from lumos_dagster.rejects import find
from lumos_dagster.values import RunContext
from lumos_dagster_tests.cli.conftest import JOB, Lumos

SECRET = "hunter2-rejects"


@pytest.fixture
def rejected(project: Path, lumos: Lumos, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that rejected two of four rows, with a password among the variables; its id."""
    monkeypatch.setenv("PASSWORD", SECRET)
    (project / "numbers.csv").write_text('n,word\n1,one\nx,""\n5,five\ny,\n')
    text = JOB.replace("on_error: fail", "on_error: reject").replace("vars:", 'vars:\n  pass: "${PASSWORD}"')
    (project / "yaml_jobs" / "numbers.yaml").write_text(text)
    result = lumos("run", "numbers")
    assert result.exit_code == 3
    found = re.search(r"2 rows were rejected; see them with: lumos rejects show (\S+) --op keep", result.stdout)
    assert found, result.stdout
    return found[1]


def test_what_was_rejected_is_listed_with_how_many_and_why(rejected: str, lumos: Lumos) -> None:
    plain = lumos("rejects", "list")
    assert plain.exit_code == 0
    assert rejected in plain.stdout
    assert "2 rows; see them with: lumos rejects show RUN --op OP" in plain.stdout
    told = json.loads(lumos("rejects", "list", "--job", "numbers", "--run", rejected[:8], "--json").stdout)
    (entry,) = told["rejects"]
    assert told["total"] == 2
    assert (entry["run"], entry["job"], entry["op"], entry["rows"]) == (rejected, "numbers", "keep", 2)
    assert (entry["state"], entry["attempt"]) == ("kept", 0)
    assert entry["reason"]


def test_rows_are_shown_with_field_and_reason_and_null_apart_from_empty(rejected: str, lumos: Lumos) -> None:
    plain = lumos("rejects", "show", rejected[:8])
    assert plain.exit_code == 0
    lines = [line.split() for line in plain.stdout.splitlines()]
    assert [(line[0], line[1], line[-2], line[-1]) for line in lines if line[0] in "24" and len(line) > 5] == [
        ("2", "n", "x", "''"), ("4", "n", "y", "null"),
    ]  # fmt: skip
    assert plain.stdout.endswith("2 of 2 rejected rows\n")
    assert "1 of 2 rejected rows" in lumos("rejects", "show", rejected, "--op", "keep", "--limit", "1").stdout
    told = json.loads(lumos("rejects", "show", rejected, "--json").stdout)
    assert [row["row"] for row in told["rows"]] == [{"n": "x", "word": ""}, {"n": "y", "word": None}]


def test_mended_rows_can_be_loaded_again(project: Path, rejected: str, lumos: Lumos) -> None:
    done = lumos("rejects", "export", rejected, "mend.csv")
    assert (done.exit_code, done.stdout) == (0, "2 rejected rows written to mend.csv\n")
    header, first, second = (project / "mend.csv").read_text().splitlines()
    assert header == (
        "n,word,_reject_run,_reject_job,_reject_op,_reject_operation,_reject_row,_reject_field,_reject_value,_reject_reason"
    )
    assert first.startswith(f'x,"",{rejected},numbers,keep,')
    assert second.startswith(f"y,,{rejected}")
    (project / "mend.csv").write_text(
        "\n".join([header, first.replace("x,", "7,", 1), second.replace("y,", "8,", 1)]) + "\n"
    )
    over = ("jobs.read.options.file_path=mend.csv", "jobs.load.options.schema_change=ignore")
    again = lumos("run", "numbers", "--set", over[0], "--set", over[1], "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["stages"]["load"]["inserted"] == 2


def test_mistakes_are_told_with_what_there_is(rejected: str, lumos: Lumos) -> None:
    for arguments, message in (
        (("show", "nonsense"), "no run 'nonsense' is known"),
        (
            ("show", rejected, "--op", "keeep"),
            "no op 'keeep' rejected rows in run .*allowed: keep.*Did you mean 'keep'",
        ),
        (("show", rejected, "--attempt", "3"), "attempt 3 rejected no rows .*allowed: 0"),
        (("list", "--job", "numbrs"), "no run of a job 'numbrs' is known.*Did you mean 'numbers'"),
        (("export", rejected, "rows.xls"), r"the suffix names no form; allowed: .csv, .jsonl, .parquet"),
        (("export", rejected, "/dev/null/rows.csv"), "cannot write /dev/null/rows.csv"),
    ):
        result = lumos("rejects", *arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert re.search(message, result.stderr), result.stderr
        assert "Traceback" not in result.output
        assert json.loads(lumos("rejects", *arguments, "--json").stdout)["problems"]


def test_nothing_rejected_is_no_mistake(lumos: Lumos) -> None:
    assert lumos("run", "numbers").exit_code == 0
    run = json.loads(lumos("show", "numbers", "--json").stdout)["run_id"]
    assert lumos("rejects", "list").stdout == "no rejected rows are kept\n"
    shown = lumos("rejects", "show", run)
    assert (shown.exit_code, shown.stdout) == (0, "0 of 0 rejected rows\n")


def test_the_op_in_the_ui_says_how_to_see_them(rejected: str, lumos: Lumos) -> None:
    with open_instance() as instance:
        events = instance.all_logs(rejected)
    outputs = [entry.dagster_event.step_output_data for entry in events if entry.dagster_event and entry.step_key == "keep"
               and entry.dagster_event.event_type_value == "STEP_OUTPUT"]  # fmt: skip
    hints = {output.metadata["rejects"].value for output in outputs}
    assert hints == {f"lumos rejects show {rejected} --op keep"}


def test_no_secret_is_in_the_store(project: Path, rejected: str) -> None:
    files = [path for path in (project / "home").rglob("rejects/**/*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET in path.read_text()]


ROWS: list[dict[str, Any]] = [
    {
        "whole": 2**63 - 1, "float": math.nan, "decimal": Decimal("-0.10"), "bytes": b"\x00\xff",
        "day": date(2024, 2, 29), "instant": datetime(2026, 1, 1, tzinfo=UTC), "text": 'a "b",\n', "empty": "",
        "nested": {"a": [1, None], "b": "x"}, "mixed": 1, "nothing": None,
    },
    {"whole": None, "float": -0.0, "decimal": Decimal("12.345"), "bytes": None, "text": None, "mixed": "one"},
]  # fmt: skip


@pytest.fixture
def records(run: RunContext) -> Any:
    with Book(run).task("convert", "reject") as task:
        task.count.rows_in = len(ROWS)
        bad = [BadRow(place, "bytes", row["bytes"], "no", row) for place, row in enumerate(ROWS, 1)]
        task.bad_rows(bad, len(bad))
    (kept,) = find(run.storage)
    return kept.records


def test_parquet_keeps_types(records: Any, tmp_path: Path) -> None:
    assert export_rows(records, str(tmp_path / "rows.parquet")) == 2
    table = pq.read_table(tmp_path / "rows.parquet")
    first, second = table.to_pylist()
    assert math.isnan(first.pop("float"))
    assert math.copysign(1, second["float"]) == -1
    expected = {name: value for name, value in ROWS[0].items() if name not in ("float", "mixed")}
    assert {name: first[name] for name in expected} == expected | {"decimal": Decimal("-0.100")}
    assert (first["mixed"], second["mixed"]) == ("1", "one")
    assert table.schema.field("decimal").type == pa.decimal128(5, 3)
    assert (first["_reject_row"], first["_reject_value"], first["_reject_reason"]) == (1, "00ff", "no")


def test_csv_reads_back_as_the_same_values(records: Any, run: RunContext, tmp_path: Path) -> None:
    file = str(tmp_path / "rows.csv.gz")
    export_rows(records, file)
    types = {
        "whole": "int", "float": "float", "decimal": "decimal(10,3)", "bytes": "binary", "day": "date",
        "instant": "timestamptz",
    }  # fmt: skip
    extractor = CsvExtractor.model_validate({"file_path": file, "types": types})
    with Book(run).task("read") as task, extractor.read(task) as rows:
        first, second = rows.read_all().to_pylist()
    for name in ("whole", "decimal", "bytes", "day", "instant", "text", "empty", "nothing"):
        assert first[name] == ROWS[0][name], name
    assert math.isnan(first["float"])
    assert json.loads(first["nested"]) == ROWS[0]["nested"]
    assert (second["whole"], second["text"], second["decimal"]) == (None, None, Decimal("12.345"))


def test_json_lines_hold_json_only(records: Any, tmp_path: Path) -> None:
    export_rows(records, str(tmp_path / "rows.jsonl"))

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    first, second = (json.loads(line, parse_constant=refuse) for line in lines)
    assert first | {"_reject_run": ""} == first | {
        "whole": 2**63 - 1, "float": "NaN", "decimal": "-0.10", "bytes": "00ff", "day": "2024-02-29", "empty": "",
        "instant": "2026-01-01T00:00:00Z", "nested": {"a": [1, None], "b": "x"}, "_reject_run": "",
    }  # fmt: skip
    assert second["mixed"] == "one"


def test_a_mended_row_that_is_rejected_again_tells_of_the_last_time(run: RunContext, tmp_path: Path) -> None:
    def again() -> Any:
        about = {
            "run": "r2",
            "job": "j",
            "op": "o",
            "operation": "",
            "number": 1,
            "field": "a",
            "value": 1,
            "reason": "new",
        }
        yield about | {"row": {"a": 1, "_reject_reason": "old"}}

    export_rows(again, str(tmp_path / "rows.jsonl"))
    assert json.loads((tmp_path / "rows.jsonl").read_text())["_reject_reason"] == "new"
