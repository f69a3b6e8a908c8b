"""`lumos run` and `lumos show`: what they do, print and end with."""

import json
import sqlite3
from pathlib import Path

from lumos_dagster_tests.cli.conftest import JOB, Lumos


def rows(project: Path, table: str = "numbers") -> list[tuple[object, ...]]:
    with sqlite3.connect(project / "out.db") as connection:
        found = connection.execute(f"select n, word from {table} order by n").fetchall()
    connection.close()
    return found


def test_a_job_runs_by_name_and_by_file_and_tells_every_ops_rows(project: Path, lumos: Lumos) -> None:
    for job in ("numbers", "yaml_jobs/numbers.yaml"):
        result = lumos("run", job, "--set", f"vars.table={Path(job).stem}_{len(job)}")
        assert result.exit_code == 0, result.output
        assert rows(project, f"numbers_{len(job)}") == [(2, "two"), (3, "three")]
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["read", "3", "3"] in [line[:3] for line in lines]
    assert ["keep", "3", "2"] in [line[:3] for line in lines]
    assert ["load", "2", "2"] in [line[:3] for line in lines]
    assert "1 filtered" in result.stdout
    assert "numbers: success in" in result.stdout


def test_an_option_is_changed_by_its_path_also_inside_a_list(project: Path, lumos: Lumos) -> None:
    result = lumos("run", "numbers", "--set", "jobs.keep.options.transforms.1.value=2", "--mode", "streaming")
    assert result.exit_code == 0, result.output
    assert rows(project) == [(3, "three")]


def test_a_path_that_names_nothing_is_refused_with_what_there_is(lumos: Lumos) -> None:
    result = lumos(
        "run", "numbers", "--set", "jobs.lod.options.table_name=x", "--set", "table_name", "--set", "vars.tabel=x"
    )
    assert result.exit_code == 2
    assert "--set jobs.lod.options.table_name: names no option; allowed: jobs.read.options.NAME" in result.stderr
    assert "--set table_name: no '='" in result.stderr
    result = lumos(
        "run", "numbers", "--set", "nonsense", "--set", "vars.tabel=x", "--set", "jobs.load.options.tabel_name=x"
    )
    assert result.exit_code == 2
    assert "Did you mean 'table'?" in result.stderr
    assert "Did you mean 'table_name'?" in result.stderr
    assert "Traceback" not in result.output


def test_json_is_one_object_with_counts(lumos: Lumos) -> None:
    told = json.loads(lumos("run", "numbers", "--json").stdout)
    assert told["status"] == "success"
    assert told["rejected"] == 0
    assert told["stages"]["keep"]["filtered"] == 1
    shown = json.loads(lumos("show", "numbers", "--json").stdout)
    assert shown["run_id"] == told["run_id"]
    assert shown["stages"] == told["stages"]


def test_a_failed_run_ends_with_1_and_says_what_to_do_without_a_trace(project: Path, lumos: Lumos) -> None:
    (project / "numbers.csv").write_text("n,word\n1,one\nx,two\n")
    result = lumos("run", "numbers")
    assert result.exit_code == 1
    assert "FAILED keep: row 2:" in result.stdout
    assert "field 'n': value 'x'" in result.stdout
    assert "Traceback" not in result.output


def test_a_run_with_rejects_ends_with_3(project: Path, lumos: Lumos) -> None:
    (project / "numbers.csv").write_text("n,word\n1,one\nx,two\n5,five\n")
    job = project / "yaml_jobs" / "numbers.yaml"
    job.write_text(JOB.replace("on_error: fail", "on_error: reject"))
    result = lumos("run", "numbers", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["stages"]["keep"]["rejected"] == 1
    kept = list((project / "home").rglob("keep.0.jsonl"))
    assert len(kept) == 1
    assert json.loads(kept[0].read_text())["row"] == {"n": "x", "word": "two"}


def test_a_resume_after_the_cause_is_mended_runs_only_what_is_left(project: Path, lumos: Lumos) -> None:
    with sqlite3.connect(project / "out.db") as connection:
        connection.execute("create table numbers (n text check (n > 5), word text)")
    connection.close()
    assert lumos("run", "numbers").exit_code == 1
    assert rows(project) == []
    with sqlite3.connect(project / "out.db") as connection:
        connection.execute("drop table numbers")
    connection.close()
    told = json.loads(lumos("run", "numbers", "--resume", "--json").stdout)
    assert told["status"] == "success"
    assert list(told["stages"]) == ["load"]
    assert rows(project) == [(2, "two"), (3, "three")]
    nothing = lumos("run", "numbers", "--resume")
    assert nothing.exit_code == 0
    assert "nothing to resume" in nothing.stdout


def test_a_resume_without_a_run_is_refused(lumos: Lumos) -> None:
    result = lumos("run", "numbers", "--resume")
    assert result.exit_code == 2
    assert "there is no run of numbers to resume" in result.stderr


def test_a_resume_refuses_a_file_changed_in_what_was_already_done(project: Path, lumos: Lumos) -> None:
    job = project / "yaml_jobs" / "numbers.yaml"
    job.write_text(JOB.replace("create_table: true", "create_table: false"))
    assert lumos("run", "numbers").exit_code == 1
    job.write_text(JOB.replace("value: 1", "value: 2"))
    refused = lumos("run", "numbers", "--resume")
    assert refused.exit_code == 1
    assert "changed in ops that this load has already done: keep" in refused.stdout
    job.write_text(JOB)
    assert lumos("run", "numbers", "--resume").exit_code == 0
    assert rows(project) == [(2, "two"), (3, "three")]


def test_a_broken_file_is_refused_before_anything_runs(project: Path, lumos: Lumos) -> None:
    (project / "yaml_jobs" / "numbers.yaml").write_text(JOB.replace("load: [keep]", "load: [kep]"))
    for job in ("numbers", "yaml_jobs/numbers.yaml"):
        result = lumos("run", job)
        assert result.exit_code == 2
        line = JOB.splitlines().index("    load: [keep]") + 1
        assert f"numbers.yaml:{line}:12" in result.stderr
        assert "Did you mean 'keep'?" in result.stderr
    assert not (project / "out.db").exists()


def test_a_missing_environment_variable_is_told_before_anything_runs(project: Path, lumos: Lumos) -> None:
    (project / "yaml_jobs" / "numbers.yaml").write_text(JOB.replace("jdbc:sqlite:out.db", "${LUMOS_TEST_NO_SUCH}"))
    result = lumos("run", "numbers")
    assert result.exit_code == 2
    assert (
        "jobs.load.options.connection_string: the environment variable LUMOS_TEST_NO_SUCH is not set" in result.stderr
    )


def test_an_unknown_job_is_refused_with_a_near_name(lumos: Lumos) -> None:
    result = lumos("run", "nubmers")
    assert result.exit_code == 2
    assert "Did you mean 'numbers'?" in result.stderr


def test_a_variable_that_is_not_set_is_told_with_its_line(project: Path, lumos: Lumos) -> None:
    file = project / "yaml_jobs" / "numbers.yaml"
    file.write_text(file.read_text().replace("numbers.csv", "${LUMOS_TEST_NOT_SET}"))
    result = lumos("run", "yaml_jobs/numbers.yaml")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "yaml_jobs/numbers.yaml:11:7: jobs.read.options.file_path: the environment variable"
    )


def test_a_column_that_is_missing_is_told_with_its_line(project: Path, lumos: Lumos) -> None:
    (project / "numbers.csv").write_text("m,word\n1,one\n")
    result = lumos("run", "numbers", "--json")
    assert result.exit_code == 1
    failed = json.loads(result.stdout)["failed"]["keep"]
    assert "numbers.yaml:17:38: jobs.keep.options.transforms.0.field: convert_field: there is no column 'n'" in failed


def test_the_summary_follows_the_order_of_the_job_in_streaming_mode(lumos: Lumos) -> None:
    result = lumos("run", "numbers", "--mode", "streaming", "--json")
    assert list(json.loads(result.stdout)["stages"]) == ["read", "keep", "load"]


def test_json_stays_alone_on_stdout_when_the_job_prints_rows(project: Path, lumos: Lumos) -> None:
    file = project / "yaml_jobs" / "numbers.yaml"
    file.write_text(f"{file.read_text()}    show: [keep]\n".replace("dag:", SHOW + "dag:"))
    for executor in ("in_process", "multiprocess"):
        result = lumos("run", "numbers", "--json", "--executor", executor)
        assert result.exit_code == 0
        assert json.loads(result.stdout)["status"] == "success"


SHOW = "  show: {type: loader, loader_type: console}\n"


def test_show_finds_a_file_whose_name_dagster_does_not_take(project: Path, lumos: Lumos) -> None:
    (project / "yaml_jobs" / "numbers.yaml").rename(project / "yaml_jobs" / "my numbers.yaml")
    assert lumos("run", "yaml_jobs/my numbers.yaml").exit_code == 0
    assert lumos("show", "yaml_jobs/my numbers.yaml").stdout.rstrip().splitlines()[-1].startswith("my_numbers: success")


def test_run_of_a_name_that_two_files_give_names_both(project: Path, lumos: Lumos) -> None:
    for name in ("my numbers", "my-numbers"):
        (project / "yaml_jobs" / f"{name}.yaml").write_text(JOB)
    result = lumos("run", "my_numbers")
    assert result.exit_code == 2
    assert "two files give the Dagster job 'my_numbers'" in result.stderr


def test_a_run_time_mistake_below_another_spelling_is_told_with_its_line(project: Path, lumos: Lumos) -> None:
    file = project / "yaml_jobs" / "numbers.yaml"
    file.write_text(file.read_text().replace("transforms:", "operations:"))
    (project / "numbers.csv").write_text("m,word\n1,one\n")
    assert "numbers.yaml:17:38: jobs.keep." in lumos("run", "numbers").stdout


def test_a_field_that_the_known_columns_lack_is_told_before_anything_is_touched(lumos: Lumos, project: Path) -> None:
    job = project / "yaml_jobs" / "numbers.yaml"
    job.write_text(JOB.replace("file_path: numbers.csv", "file_path: numbers.csv\n      columns: [m]"))
    ran = lumos("run", "numbers")
    assert ran.exit_code == 2
    assert "jobs.keep.options.transforms.0.field: convert_field: there is no column 'n'; allowed: m\n" in ran.output
    assert not (project / "out.db").exists()
