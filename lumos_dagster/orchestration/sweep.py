"""Clears what finished runs kept: a day after a success, a week after a failure, so that those can be resumed."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from lumos_dagster.files import filesystem, join, remove_tree

AFTER_FAILURE_HOURS = 7 * 24.0
_REJECTS = "rejects"
_FOLDERS = ("spool", "outputs", "memory/run", _REJECTS, "watermarks")
_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def sweep(instance: dg.DagsterInstance, storage: str, keep_hours: float, now: float | None = None) -> list[str]:
    """Remove the folders of runs that ended long enough ago; runs under way keep theirs. Gives what was removed.

    Rejected rows stay a week after a success too, since a person has to come and mend them. A folder that a resume
    wrote to counts from then. One whose run this instance does not know (deleted, or another instance's) counts from
    its last change.
    """
    now = time.time() if now is None else now
    folders = [(folder, run_id, changed) for folder in _FOLDERS for run_id, changed in _runs(join(storage, folder))]
    known = {}
    if folders:
        wanted = sorted({run_id for _, run_id, _ in folders})
        records = instance.get_run_records(dg.RunsFilter(run_ids=wanted))
        known = {record.dagster_run.run_id: record for record in records}
    removed = []
    for folder, run_id, changed in folders:
        hours = max(keep_hours, AFTER_FAILURE_HOURS) if folder == _REJECTS else keep_hours
        if _over(known.get(run_id), changed, hours, now):
            url = join(storage, folder, run_id)
            remove_tree(url)
            removed.append(url)
    return removed


def _over(record: dg.RunRecord | None, changed: float | None, keep_hours: float, now: float) -> bool:
    if record is None:
        return changed is not None and now - changed > AFTER_FAILURE_HOURS * 3600
    status = record.dagster_run.status
    if status not in _ENDED:
        return False
    hours = keep_hours if status == dg.DagsterRunStatus.SUCCESS else max(keep_hours, AFTER_FAILURE_HOURS)
    ended = max(record.end_time or record.create_timestamp.timestamp(), changed or 0.0)
    return now - ended > hours * 3600


def _runs(url: str) -> Iterator[tuple[str, float | None]]:
    """The run folders below `url` and when they changed, as far as the file system tells."""
    file_system, path = filesystem(url)
    try:
        entries: list[dict[str, Any]] = file_system.ls(path, detail=True)
    except FileNotFoundError:
        return
    for entry in entries:
        changed = entry.get("mtime")
        yield entry["name"].rstrip("/").rsplit("/", 1)[-1], float(changed) if isinstance(changed, int | float) else None
