"""What runs keep is cleared by age and by how they ended."""

import os
import time
from pathlib import Path

import dagster as dg

from lumos_dagster.orchestration.sweep import sweep
from lumos_dagster_tests.orchestration.parts import Book, Numbers, Ran, entry, job, run_job

HOUR = 3600.0


def ran(instance: dg.DagsterInstance, folder: Path, fails: int = 0) -> Ran:
    load = entry("load", "loader", Book, ["extract"], options={"folder": str(folder), "fails": fails, "error": "data"})
    return run_job(job(entry("extract", "extractor", Numbers), load), instance)


def spools(instance: dg.DagsterInstance) -> set[str]:
    return {path.name for path in Path(instance.storage_directory(), "lumos", "spool").iterdir()}


def swept(instance: dg.DagsterInstance, hours: float) -> None:
    sweep(instance, f"{instance.storage_directory()}/lumos", keep_hours=24, now=time.time() + hours * HOUR)


def test_after_success_rows_are_kept_a_day_and_after_a_failure_a_week(
    instance: dg.DagsterInstance, folder: Path
) -> None:
    failed = ran(instance, folder, fails=1).run.run_id
    good = ran(instance, folder).run.run_id
    swept(instance, 23)
    assert spools(instance) == {failed, good}
    swept(instance, 25)
    assert spools(instance) == {failed}
    swept(instance, 7 * 24 + 1)
    assert spools(instance) == set()


def test_a_run_under_way_keeps_its_rows_however_old(instance: dg.DagsterInstance, folder: Path) -> None:
    run_id = ran(instance, folder).run.run_id
    run = instance.create_run_for_job(dg.GraphDefinition(name="other").to_job(), status=dg.DagsterRunStatus.STARTED)
    kept = Path(instance.storage_directory(), "lumos", "spool", run.run_id)
    kept.mkdir()
    swept(instance, 1000)
    assert spools(instance) == {run.run_id}
    assert run_id != run.run_id


def test_rows_of_a_run_that_nobody_knows_go_after_a_week(instance: dg.DagsterInstance, folder: Path) -> None:
    ran(instance, folder)
    stray = Path(instance.storage_directory(), "lumos", "spool", "stray")
    stray.mkdir()
    swept(instance, 6 * 24)
    assert "stray" in spools(instance)
    os.utime(stray, (0, 0))
    swept(instance, 0)
    assert "stray" not in spools(instance)


def test_nothing_kept_is_nothing_to_clear(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert sweep(instance, str(tmp_path / "nowhere"), keep_hours=24) == []


def test_rejected_rows_stay_a_week_also_after_a_success(instance: dg.DagsterInstance, folder: Path) -> None:
    run_id = ran(instance, folder).run.run_id
    rejects = Path(instance.storage_directory(), "lumos", "rejects", run_id)
    rejects.mkdir(parents=True)
    swept(instance, 7 * 24 - 1)
    assert spools(instance) == set()
    assert rejects.is_dir()
    swept(instance, 7 * 24 + 1)
    assert not rejects.exists()


def test_what_a_resume_wrote_to_counts_from_then(instance: dg.DagsterInstance, folder: Path) -> None:
    run_id = ran(instance, folder).run.run_id
    kept = Path(instance.storage_directory(), "lumos", "memory", "run", run_id)
    kept.mkdir(parents=True)
    later = time.time() + 20 * HOUR
    os.utime(kept, (later, later))
    swept(instance, 30)
    assert kept.is_dir()
    swept(instance, 45)
    assert not kept.exists()
