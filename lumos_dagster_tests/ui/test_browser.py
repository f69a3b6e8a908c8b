"""What a person sees in the Dagster UI: the graph, the launchpad, a run with its row counts, assets, what starts jobs.

`make screenshots` keeps what is seen under docs/images, for the README.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
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
WAITING = """
version: 1
name: Waits for the clock and for files
schedule: {{cron: "0 2 * * *", timezone: Asia/Shanghai}}
sensors: [{{type: file, path: "{folder}/inbox/*.csv", status: stopped}}]
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: "${{sensor.path}}"}}}}
  show: {{type: loader, loader_type: console}}
dag: {{dependencies: {{show: [read]}}}}
"""
CHANGED = "ops:\n  load_strikes:\n    config:\n      table_name: strikes_again\n"


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterUI]:
    """The UI over the quickstart job, its database in the test's own folder, and three more."""
    folder = tmp_path_factory.mktemp("ui")
    jobs = folder / "jobs"
    jobs.mkdir()
    text = (PROJECT / "yaml_jobs" / "quickstart.yaml").read_text()
    (jobs / "quickstart.yaml").write_text(
        text.replace("out/quickstart.db", f"{folder}/out.db").replace("yaml_jobs/data", str(PROJECT / "yaml_jobs/data"))
    )
    (jobs / "broken.yaml").write_text("version: 1\nname: Broken\njobs: {}\n")
    (jobs / "failing.yaml").write_text(FAILING.format(folder=folder))
    (jobs / "waiting.yaml").write_text(WAITING.format(folder=folder))
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
        page = browser.new_page(viewport={"width": 1400, "height": 800})
        page.set_default_timeout(SLOW_MS)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def loaded(ui: DagsterUI) -> str:
    """A run of the quickstart job as it is, begun before anything else so that nobody waits for it."""
    return ui.launch("quickstart")


@pytest.fixture(scope="module")
def launched(ui: DagsterUI, page: Page, loaded: str) -> str:
    """The run of a job launched from the launchpad with one option changed."""
    page.goto(f"{ui.url}/locations/lumos/jobs/quickstart/playground")
    page.locator(".CodeMirror").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(CHANGED)
    launch = page.get_by_role("button", name="Launch Run")
    expect(launch).to_be_enabled(timeout=SLOW_MS)
    shot(page, "launchpad")
    launch.click()
    page.wait_for_url("**/runs/**")
    return page.url.rsplit("/", 1)[-1].split("?")[0]


def shot(page: Page, name: str) -> None:
    """Keep what is seen, where somebody asks for it."""
    if folder := os.environ.get("LUMOS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_graph_has_an_op_per_entry_with_its_kind(ui: DagsterUI, page: Page) -> None:
    page.goto(f"{ui.url}/locations/lumos/jobs/quickstart")
    for op in ("read_reports", "clean_reports", "load_strikes"):
        expect(page.get_by_text(op, exact=True).first).to_be_visible(timeout=SLOW_MS)
    for kind in ("json", "SQLite"):
        expect(page.get_by_text(kind, exact=True).first).to_be_visible()
    shot(page, "graph")


def test_a_job_launched_with_one_option_changed_succeeds_and_shows_its_rows(
    ui: DagsterUI, page: Page, launched: str
) -> None:
    assert ui.finished(launched) == "SUCCESS"
    page.goto(f"{ui.url}/runs/{launched}")
    page.get_by_text("load_strikes").first.click()
    expect(page.get_by_text("rows_in").first).to_be_visible()
    shot(page, "run")
    ((asset, count),) = materialized_rows(ui, launched).items()
    assert count == 1061
    assert asset.endswith("out.db/strikes_again")
    with closing(sqlite3.connect(ui.home.parent / "out.db")) as database:
        assert database.execute("select count(*) from strikes_again").fetchone() == (1061,)


def test_the_asset_has_its_columns_its_rows_over_time_and_its_lineage(ui: DagsterUI, page: Page, loaded: str) -> None:
    assert ui.finished(loaded) == "SUCCESS"
    ((asset, count),) = materialized_rows(ui, loaded).items()
    assert count == 1061
    page.goto(f"{ui.url}/assets/{asset}")
    expect(page.get_by_text("1,061").first).to_be_visible(timeout=SLOW_MS)
    page.goto(f"{ui.url}/assets/{asset}?view=lineage")
    for name in ("damaging_strikes", "wildlife_strikes.csv"):
        expect(page.get_by_text(name).filter(visible=True).first).to_be_visible(timeout=SLOW_MS)
    shot(page, "lineage")


def test_the_schedule_and_the_sensor_stand_on_the_automation_page(ui: DagsterUI, page: Page) -> None:
    page.goto(f"{ui.url}/automation")
    for name in ("waiting_schedule", "waiting_sensor"):
        expect(page.get_by_text(name).filter(visible=True).first).to_be_visible(timeout=SLOW_MS)


def test_a_failed_run_tells_what_to_do_and_re_executed_from_failure_does_only_what_is_left(
    ui: DagsterUI, page: Page
) -> None:
    first = ui.launch("failing")
    assert ui.finished(first) == "FAILURE"
    page.goto(f"{ui.url}/runs/{first}")
    why = 'there is no table "numbers"; set create_table: true to make it'
    expect(page.get_by_text(why).first).to_be_visible()
    assert "Stack Trace" not in page.inner_text("body")
    with closing(sqlite3.connect(ui.home.parent / "failing.db")) as database:
        database.execute("create table numbers (n integer)")
        page.get_by_role("button", name="Re-execute all").locator("xpath=following::button[1]").click()
        page.get_by_text("From failure").click()
        page.wait_for_url(lambda url: "/runs/" in url and first not in url)
        again = page.url.rsplit("/", 1)[-1].split("?")[0]
        assert ui.finished(again) == "SUCCESS"
        assert steps_of(ui, again) == ["load"]
        assert database.execute("select n from numbers order by n").fetchall() == [(1,), (2,), (3,)]
        assert database.execute("select distinct load_id from _lumos_loads").fetchone() == (first,)


def steps_of(ui: DagsterUI, run_id: str) -> list[str]:
    """The steps that the run was to execute."""
    query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { stepKeysToExecute } } }"
    steps: list[str] = ui.graphql(query, id=run_id)["runOrError"]["stepKeysToExecute"]
    return steps


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
