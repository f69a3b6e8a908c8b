"""Which Dagster instance the `lumos` command records its runs in."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from platformdirs import user_data_dir


def dagster_home() -> Path:
    """`DAGSTER_HOME`; else `.dagster` beside the nearest `dagster.yaml` above here; else the user's data folder."""
    if given := os.environ.get("DAGSTER_HOME"):
        return Path(given).expanduser().absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dagster.yaml").is_file():
            return folder / ".dagster"
    return Path(user_data_dir("lumos")) / "dagster"


_QUIET = "telemetry: {enabled: false}\nnux: {enabled: false}\n"


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The instance, its folder made where it is missing; child processes find the same one."""
    home = dagster_home()
    home.mkdir(parents=True, exist_ok=True)
    project = home.parent / "dagster.yaml"
    if "DAGSTER_HOME" not in os.environ and not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(project.read_text() if project.is_file() else _QUIET)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as instance:
        yield instance
