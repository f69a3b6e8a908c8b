"""A sample of the kill matrix; all of it is `make kill-matrix`."""

import pytest

from lumos_dagster_tests.kill.benches import in_files
from lumos_dagster_tests.kill.cell import Bench, kill
from lumos_dagster_tests.kill.matrix import Execution, Line, line_named
from lumos_dagster_tests.kill.promises import PAGE, page
from lumos_dagster_tests.kill.targets import Target

SHORT: tuple[tuple[str, Execution, str], ...] = (
    ("sqlite: insert", "staged", "before commit#2"),
    ("postgresql: upsert, commit: batch", "streaming", "before commit#5"),
    ("mariadb: replace", "streaming", "before swap#1"),
    ("postgresql: replace, connections: 2", "streaming", "before finish#1"),
    ("csv: append", "staged", "before half append#3"),
    ("mongodb: insert, own _id", "streaming", "before send#4"),
    ("csv: overwrite, from postgresql", "staged", "before piece#9"),
)
LONG: tuple[tuple[str, Execution, str], ...] = (
    ("postgresql: insert, commit: batch", "staged", "after commit#4"),
    ("sqlite: truncate", "staged", "before PIPELINE_SUCCESS#1"),
    ("csv: overwrite", "staged", "before PIPELINE_START#1"),
    ("sqlite: upsert", "streaming", "after commit#2"),
    ("postgresql: replace, commit: batch", "staged", "after commit#4"),
    ("postgresql: insert", "streaming", "after commit#2"),
    ("mariadb: replace, connections: 2", "staged", "before finish#1"),
    ("mariadb: upsert", "staged", "before commit#2"),
    ("csv: overwrite", "streaming", "before batch#3"),
    ("csv: append", "streaming", "before rename#3"),
    ("mongodb: replace", "staged", "before rename collection#1"),
    ("postgresql: insert, from postgresql", "streaming", "before piece#3"),
    ("mariadb: truncate, from postgresql", "streaming", "before the end of the pieces#1"),
    ("csv: append, from postgresql", "staged", "before half append#3"),
)


@pytest.mark.parametrize(
    ("name", "execution", "point"), [*SHORT, *(pytest.param(*case, marks=pytest.mark.slow) for case in LONG)]
)
def test_a_load_that_was_killed_and_resumed_is_as_if_nothing_had_been(
    name: str, execution: Execution, point: str, place: Bench, request: pytest.FixtureRequest
) -> None:
    line = line_named(name)
    if line.source == "postgresql":
        place.source = request.getfixturevalue("postgres").url
    outcome = kill(place, line, execution, _target(line, place, request), point)
    assert outcome.problem == "", f"{outcome.harm}, found {outcome.between}"


def test_the_page_of_promises_is_what_the_matrix_says() -> None:
    assert PAGE.read_text() == page(), "write it again: make kill-matrix, or lumos_dagster_tests/kill/promises.py"


def _target(line: Line, place: Bench, request: pytest.FixtureRequest) -> Target:
    on_server = {"postgresql": "on_postgres", "mariadb": "on_mariadb", "mongodb": "on_mongodb"}.get(line.target)
    found: Target = request.getfixturevalue(on_server) if on_server else in_files(place)[line.target]
    return found
