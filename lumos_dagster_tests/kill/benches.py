"""Workers of the matrix: each with a project folder, a warm process, and targets of its own."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lumos_dagster_tests.kill.cell import Bench
from lumos_dagster_tests.kill.targets import Csv, SQLite, Target
from lumos_dagster_tests.kill.warm import Order, Warm

Targets = Mapping[str, Target]


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A bench in that folder."""
    project, home = folder / "project", folder / "empty home"
    project.mkdir(parents=True)
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    with Warm() as warm:
        looks = Order(str(project), ["show", "nothing"], str(folder / "log"), {"DAGSTER_HOME": str(home)}, armed=False)
        assert warm.run(looks) == 2, (folder / "log").read_text()
        yield Bench(project, warm, home)
    shutil.rmtree(folder, ignore_errors=True)


def in_files(bench: Bench) -> Targets:
    """The targets that need no server."""
    return {"sqlite": SQLite(bench.folder), "csv": Csv(bench.folder)}
