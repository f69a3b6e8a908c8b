"""What a person sees in the Dagster UI: the graph, the launchpad, a run with its row counts."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from lumos_dagster_tests.servers.dagster_ui import PROJECT, DagsterUI, dagster_ui

CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SLOW_MS = 60_000

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("ui")]


FAILING = """
version: 1
name: Fails until its table is there
execution: streaming
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: "{folder}/numbers.csv"}}}}
  load:
    type: loader
    loader_type: jdbc
    options: {{connection_string: "jdbc:sqlite:{folder}/failing.db", table_name: numbers}}
dag: {{dependencies: {{load: [read]}}}}
"""


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterUI]:
    """The UI over the quickstart job, its database in the test's own folder."""
    folder = tmp_path_factory.mktemp("ui")
    jobs = folder / "jobs"
    jobs.mkdir()
    text = (PROJECT / "yaml_jobs" / "quickstart.yaml").read_text()
    (jobs / "quickstart.yaml").write_text(
        text.replace("out/quickstart.db", f"{folder}/out.db").replace("yaml_jobs/data", str(PROJECT / "yaml_jobs/data"))
    )
    (jobs / "broken.yaml").write_text("version: 1\nname: Broken\njobs: {}\n")
    (jobs / "failing.yaml").write_text(FAILING.format(folder=folder))
    (folder / "numbers.csv").write_text("n\n1\n2\n3\n")
    sqlite3.connect(folder / "failing.db").close()
    with dagster_ui(folder / "home", jobs) as running:
        yield running


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page in Debian's headless Chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not installed; `make test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(SLOW_MS)
        yield page
        browser.close()


def shot(page: Page, name: str, tmp_path: Path) -> None:
    """Keep what is seen beside the test's other files, for a person to look at."""
    page.screenshot(path=tmp_path / f"{name}.png")


def test_the_graph_has_an_op_per_entry_with_its_kind(ui: DagsterUI, page: Page, tmp_path: Path) -> None:
    page.goto(f"{ui.url}/locations/lumos/jobs/quickstart")
    for op in ("read_reports", "clean_reports", "load_strikes"):
        expect(page.get_by_text(op, exact=True).first).to_be_visible(timeout=SLOW_MS)
    for kind in ("json", "SQLite"):
        expect(page.get_by_text(kind, exact=True).first).to_be_visible()
    shot(page, "graph", tmp_path)


def test_a_job_launched_from_the_launchpad_succeeds_and_shows_its_rows(
    ui: DagsterUI, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{ui.url}/locations/lumos/jobs/quickstart/playground")
    page.get_by_role("button", name="Scaffold all default config").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("select_fields").first).to_be_visible()
    shot(page, "launchpad", tmp_path)
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/runs/**")
    run_id = page.url.rsplit("/", 1)[-1].split("?")[0]
    assert finished(ui, run_id) == "SUCCESS"
    page.get_by_text("load_strikes").first.click()
    expect(page.get_by_text("rows_in").first).to_be_visible()
    shot(page, "run", tmp_path)
    rows = materialized_rows(ui, run_id)
    ((asset, count),) = rows.items()
    assert count == 1061
    assert asset.endswith("out.db/damaging_strikes")


def test_a_failed_run_re_executed_from_failure_does_only_what_is_left(ui: DagsterUI) -> None:
    selector = {"repositoryLocationName": "lumos", "repositoryName": "__repository__", "jobName": "failing"}
    launch = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
        ... on LaunchRunSuccess { run { runId } } ... on Error { message } } }"""
    first = ui.graphql(launch, p={"selector": selector, "runConfigData": {}})["launchRun"]["run"]["runId"]
    assert finished(ui, first) == "FAILURE"
    with sqlite3.connect(ui.home.parent / "failing.db") as connection:
        connection.execute("create table numbers (n integer)")
    again = """mutation($p: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $p) {
        ... on LaunchRunSuccess { run { runId stepKeysToExecute } } ... on Error { message } } }"""
    answer = ui.graphql(again, p={"parentRunId": first, "strategy": "FROM_FAILURE"})["launchRunReexecution"]["run"]
    assert answer["stepKeysToExecute"] == ["load"]
    assert finished(ui, answer["runId"]) == "SUCCESS"
    assert connection.execute("select n from numbers order by n").fetchall() == [(1,), (2,), (3,)]
    (load_id,) = connection.execute("select distinct load_id from _lumos_loads").fetchone()
    connection.close()
    assert load_id == first


def finished(ui: DagsterUI, run_id: str) -> str:
    """Wait for the run to end and give its status."""
    pause = threading.Event()
    query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    for _ in range(480):
        status: str = ui.graphql(query, id=run_id)["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        pause.wait(0.25)
    raise AssertionError("the run does not end")


def materialized_rows(ui: DagsterUI, run_id: str) -> dict[str, Any]:
    """The row count of each asset that the run loaded."""
    query = """query($id: ID!) { runOrError(runId: $id) { ... on Run { assetMaterializations {
        assetKey { path } metadataEntries { label ... on IntMetadataEntry { intValue } } } } } }"""
    found = ui.graphql(query, id=run_id)["runOrError"]["assetMaterializations"]
    return {
        "/".join(item["assetKey"]["path"]): next(
            entry["intValue"] for entry in item["metadataEntries"] if entry["label"] == "dagster/row_count"
        )
        for item in found
    }
