"""Parts of a job: what a run of one knows, which ones start by themselves, and that each is a load of its own."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lumos_dagster.cli import main
from lumos_dagster.config.model import Partitions
from lumos_dagster.orchestration.automation.partitions import (
    partition_values,
    partitions_definition,
    started_by_itself,
)
from lumos_dagster.orchestration.location import build_definitions

JOB = """
version: 1
name: Parts
partitions: {partitions}
{more}
jobs:
  rows:
    type: extractor
    extractor_type: memory
    options: {{records: [{{part: "${{partition}}", n: 1}}, {{part: "${{partition}}", n: 2}}]}}
  load:
    type: loader
    loader_type: csv
    options: {{file_path: "{folder}/${{partition}}.csv"}}
dag: {{dependencies: {{load: [rows]}}}}
"""


def job(folder: Path, partitions: str, more: str = "") -> dg.JobDefinition:
    (folder / "parts.yaml").write_text(JOB.format(partitions=partitions, folder=folder, more=more))
    return build_definitions(folder).resolve_job_def("parts")


@pytest.mark.parametrize(
    ("parts", "key", "start", "end"),
    [
        (Partitions("daily", datetime(2026, 1, 30)), "2026-01-31", date(2026, 1, 31), date(2026, 2, 1)),
        (Partitions("weekly", datetime(2026, 1, 7)), "2026-01-14", date(2026, 1, 14), date(2026, 1, 21)),
        (Partitions("monthly", datetime(2026, 1, 15)), "2026-02-15", date(2026, 2, 15), date(2026, 3, 15)),
        (
            Partitions("hourly", datetime(2026, 1, 1, 0, 30)), "2026-01-01-23:30",
            datetime(2026, 1, 1, 23, 30, tzinfo=UTC), datetime(2026, 1, 2, 0, 30, tzinfo=UTC),
        ),
        (
            Partitions("daily", datetime(2026, 1, 1, 6), timezone="Asia/Shanghai"), "2026-01-02",
            datetime.fromisoformat("2026-01-02T06:00+08:00"), datetime.fromisoformat("2026-01-03T06:00+08:00"),
        ),
    ],
)  # fmt: skip
def test_a_part_begins_where_start_says_and_is_a_date_where_it_is_whole_days(
    parts: Partitions, key: str, start: date, end: date
) -> None:
    values = partition_values(partitions_definition(parts), key)
    assert values == {"partition": key, "partition_start": start, "partition_end": end}


def test_the_latest_part_that_has_ended_starts_by_itself_and_static_ones_all() -> None:
    at = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    daily = partitions_definition(Partitions("daily", datetime(2026, 1, 1)))
    assert list(started_by_itself(daily, at)) == ["2026-03-03"]
    assert list(started_by_itself(daily, datetime(2026, 1, 1, 1, tzinfo=UTC))) == []
    closed = partitions_definition(Partitions("daily", datetime(2026, 1, 1), datetime(2026, 1, 3)))
    assert list(started_by_itself(closed, at)) == ["2026-01-02"]
    assert list(started_by_itself(partitions_definition(Partitions("static", keys=("a", "b"))), at)) == ["a", "b"]
    assert list(started_by_itself(None, at)) == [None]


def test_each_part_is_loaded_with_its_own_values_and_again_when_run_again(tmp_path: Path) -> None:
    parts = job(tmp_path, "{type: static, keys: [north, south]}")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for key in ("north", "south", "north"):
            assert parts.execute_in_process(instance=instance, partition_key=key).success
    for key in ("north", "south"):
        assert (tmp_path / f"{key}.csv").read_text() == f"part,n\n{key},1\n{key},2\n"


def test_a_tick_of_the_clock_starts_the_latest_part(tmp_path: Path) -> None:
    job(tmp_path, "{type: daily, start: 2026-01-01}", 'schedule: {cron: "0 2 * * *"}')
    definitions = build_definitions(tmp_path)
    schedule, location = definitions.resolve_schedule_def("parts_schedule"), definitions.get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:

        def tick(*at: int) -> Any:
            moment = datetime(*at, tzinfo=UTC)  # type: ignore[misc, arg-type]
            return schedule.evaluate_tick(dg.build_schedule_context(instance, moment, repository_def=location))

        assert [request.partition_key for request in tick(2026, 3, 4, 2).run_requests or []] == ["2026-03-03"]
        assert tick(2026, 1, 1).skip_message == "no partition has ended yet"


def test_the_command_runs_a_part_and_resumes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    job(tmp_path, "{type: static, keys: [north, south]}")
    file = tmp_path / "parts.yaml"

    def lumos(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["run", str(file), *arguments], standalone_mode=True)
        return int(ended.value.code or 0)

    assert lumos("--partition", "south") == 0
    assert (tmp_path / "south.csv").exists()
    assert lumos("--partition", "nrth") == 2
    told = capsys.readouterr()
    assert (
        "there is no such partition; found 'nrth'; allowed: north, south. Did you mean 'north'?" in told.out + told.err
    )
    assert lumos() == 2
    told = capsys.readouterr()
    assert "name the partition to run; allowed: north, south. Give it as --partition KEY." in told.out + told.err
    (tmp_path / "north.csv").mkdir()
    assert lumos("--partition", "north") == 1
    (tmp_path / "north.csv").rmdir()
    assert lumos("--resume") == 0
    assert (tmp_path / "north.csv").read_text() == "part,n\nnorth,1\nnorth,2\n"
    assert lumos("--resume", "--partition", "south") == 0
