"""`lumos plugin`: every command, as text and as JSON, and its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lumos_dagster_tests.cli.conftest import Lumos


@pytest.fixture
def made(project: Path, lumos: Lumos, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin out of the template, not installed."""
    monkeypatch.delenv("LUMOS_PLUGINS_DIR", raising=False)
    assert lumos("plugin", "new", "trim", "--kind", "transformer").exit_code == 0
    return project / "trim"


KINDS = ("extractor", "transformer", "loader")
QUICK = {*(("python", kind) for kind in KINDS), ("native", "loader"), ("wasm", "transformer")}


@pytest.mark.parametrize(
    ("driver", "kind"),
    [
        pytest.param(driver, kind, marks=[pytest.mark.slow] * ((driver, kind) not in QUICK))
        for driver in ("python", "native", "wasm")
        for kind in KINDS
    ],
)
def test_each_template_builds_installs_runs_and_passes_the_suite(
    project: Path, lumos: Lumos, driver: str, kind: str
) -> None:
    (project / "README.md").write_text("one\ntwo\n")
    assert lumos("plugin", "new", "my-own", "--driver", driver, "--kind", kind).exit_code == 0
    if driver != "python":
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        subprocess.run(["sh", "my-own/build.sh"], cwd=project, env=os.environ | {"PATH": path}, check=True)
    assert lumos("plugin", "validate", "my-own").exit_code == 0
    assert lumos("plugin", "install", "my-own").exit_code == 0

    tested = lumos("plugin", "test", "my-own", "--json")

    assert tested.exit_code == 0, tested.stdout
    assert json.loads(tested.stdout)["failed"] == 0
    job = (project / "my-own" / "README.md").read_text().split("```yaml\n")[1].split("```")[0]
    (project / "yaml_jobs" / "own.yaml").write_text(job)
    checked = lumos("validate", "yaml_jobs/own.yaml")
    assert checked.exit_code == 0, checked.stdout
    ran = lumos("run", "own", "--json")
    assert json.loads(ran.stdout)["status"] == "success", ran.stdout


def test_install_list_info_and_uninstall(project: Path, lumos: Lumos, made: Path) -> None:
    assert "transformer_type: trim" in lumos("plugin", "install", "trim").stdout
    listed = json.loads(lumos("plugin", "list", "--type", "transformer", "--json").stdout)
    assert listed["folder"] == str(project / "plugins")
    assert next(row for row in listed["plugins"] if row["name"] == "trim")["driver"] == "python"
    assert "trim" not in lumos("plugin", "list", "--type", "loader").stdout
    assert "field: The column. (required)" in lumos("plugin", "info", "trim").stdout
    told = json.loads(lumos("plugin", "info", "trim", "--json").stdout)
    assert (told["sandboxed"], told["options"]["transformer"]["required"]) == (False, ["field"])

    assert lumos("plugin", "uninstall", "trim").exit_code == 0
    assert not (project / "plugins" / "trim").exists()
    assert lumos("plugin", "info", "trim").exit_code == 2


def test_mongodb_is_built_in(lumos: Lumos) -> None:
    rows = json.loads(lumos("plugin", "list", "--json").stdout)["plugins"]
    assert next(row for row in rows if row["name"] == "mongodb")["driver"] == "builtin"
    assert "connection_string" in lumos("plugin", "info", "mongodb").stdout
    refused = lumos("plugin", "uninstall", "mongodb")
    assert refused.exit_code == 2
    assert "mongodb is built in" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("install", "nowhere"), "the plugin does not exist"),
        (("install", "trim", "--grant", "nett=x"), "--grant nett=x: names no right"),
        (("install", "trim", "--grant", "net=a:1"), "net=a:1 is granted, but the plugin does not ask for it"),
        (("validate", "numbers.csv"), "numbers.csv is no plugin"),
        (("capabilities", "numbers.csv"), "numbers.csv is no plugin"),
        (("uninstall", "trim"), "no plugin 'trim' is installed"),
        (("info", "trin"), "no plugin 'trin' is installed"),
        (("test", "trim"), "no plugin 'trim' is installed"),
        (("new", "trim", "--kind", "loader"), "is there already"),
        (("new", "Trim", "--kind", "loader"), "must be a to z"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_one_message(
    lumos: Lumos, made: Path, arguments: tuple[str, ...], said: str
) -> None:
    refused = lumos("plugin", *arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.output

    as_json = lumos("plugin", *arguments, "--json")
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["status"] == "configuration error"


def test_a_plugin_that_fails_the_suite_ends_with_1(lumos: Lumos, made: Path) -> None:
    code = made / "trim.py"
    code.write_text(code.read_text().replace("for batch in rows:", "for batch in [b for b in rows if b.num_rows > 1]:"))
    lumos("plugin", "install", "trim")

    tested = lumos("plugin", "test", "trim")

    assert tested.exit_code == 1
    assert "does_not_mind_batch_edges: FAILED" in tested.stdout


def test_the_suite_is_run_with_the_rows_that_are_given(lumos: Lumos, made: Path) -> None:
    lumos("plugin", "install", "trim")
    options = ("--options", '{"field": "word"}')

    assert "all checks hold" in lumos("plugin", "test", "trim", *options, "--rows", '[{"word": " a "}]').stdout
    assert lumos("plugin", "test", "trim", *options, "--rows", '[{"other": "a"}]').exit_code == 1
    assert "--rows is not a JSON array of objects" in lumos("plugin", "test", "trim", "--rows", "{}").stderr


def test_a_plugin_that_was_changed_is_listed_with_the_reason(project: Path, lumos: Lumos, made: Path) -> None:
    lumos("plugin", "install", "trim")
    (project / "plugins" / "trim" / "trim.py").write_text("")

    assert "cannot be used" in lumos("plugin", "list").stdout
    refused = lumos("plugin", "info", "trim")
    assert refused.exit_code == 2
    assert "is not what was installed" in refused.stderr
