"""What a load tells of the asset that it wrote: rows, columns and where they come from, rejects, a sample."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from lumos_dagster.accounting import Task
from lumos_dagster.config.model import JobFile
from lumos_dagster.orchestration.assets.keys import asset_keys
from lumos_dagster.orchestration.redaction import HIDDEN
from lumos_dagster.plan import Plan
from lumos_dagster.values import placeholders

_WIDEST = 60
_SHORTEST_SECRET = 4


def load_metadata(plan: Plan, task: Task) -> dict[str, Any]:
    """The columns, their lineage and a sample of what a loader wrote."""
    if task.schema is None:
        return {}
    written = task.names or {name: name for name in task.schema.names}
    found: dict[str, Any] = {
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, str(task.schema.field(come).type)) for come, name in written.items()]
        )
    }
    if task.lineage is not None:
        shown = {come: name for come, name in written.items() if come not in task.lineage.private}
        if task.sample and shown:
            found["sample"] = dg.MetadataValue.md(_table(task.sample, shown, _secrets(plan.job)))
        if task.lineage.columns is not None:
            found["dagster/column_lineage"] = _column_lineage(plan, task.lineage.columns, written)
    return found


def _column_lineage(
    plan: Plan, columns: Mapping[str, tuple[tuple[str, str], ...]], written: Mapping[str, str]
) -> dg.TableColumnLineage:
    entries = dict(plan.job.ops())
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for come, name in written.items():
        # An op of a job that is written in Python is not in the plan.
        known = [(op, column) for op, column in columns.get(come, ()) if op in entries]
        ends = [(asset_keys(plan.job, op, entries[op]), column) for op, column in known]
        # A query over several tables does not tell which of them a column is from.
        found = [dg.TableColumnDep(asset_key=keys[0], column_name=column) for keys, column in ends if len(keys) == 1]
        if found:
            deps[name] = found
    return dg.TableColumnLineage(deps)


def _table(rows: list[dict[str, Any]], shown: Mapping[str, str], secrets: list[str]) -> str:
    lines = [_line(list(shown.values()), []), "|---" * len(shown) + "|"]
    return "\n".join(lines + [_line([row[name] for name in shown], secrets) for row in rows])


def _line(values: list[Any], secrets: list[str]) -> str:
    return "| " + " | ".join(_cell(value, secrets) for value in values) + " |"


def _cell(value: Any, secrets: list[str]) -> str:
    text = "null" if value is None else str(value)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
    return "".join(char if char.isprintable() else " " for char in text).replace("|", "\\|").replace("<", "&lt;")


def _secrets(job: JobFile) -> list[str]:
    """What the job's placeholders stand for in the environment: the values that may be secrets."""
    names = (name.partition(":-")[0] for name in _placeholders(job))
    values = {os.environ.get(name, "") for name in names}
    return sorted((value for value in values if len(value) >= _SHORTEST_SECRET), key=len, reverse=True)


def _placeholders(job: JobFile) -> Iterator[str]:
    yield from placeholders(job.vars)
    for _, entry in job.ops():
        yield from placeholders(entry.options)
