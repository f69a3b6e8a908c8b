"""Counts as Dagster metadata: what the UI shows on an op, and what `lumos run` sums up."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg

from lumos_dagster.accounting import Book, Count
from lumos_dagster.config.model import JobFile
from lumos_dagster.files import join
from lumos_dagster.orchestration.assets.keys import asset_key
from lumos_dagster.orchestration.assets.loads import load_metadata
from lumos_dagster.plan import Node, Plan
from lumos_dagster.rejects import command

STAGES = "lumos/stages"
FAILED_OP = "lumos/failed/"
_ALWAYS = ("rows_in", "rows_out", "filtered", "rejected")
_TABLE = ("rows_in", "made", "rows_out", "filtered", "rejected", "skipped", "merged", "seconds")


def metadata_of(node: Node, book: Book) -> dict[str, Any]:
    """The op's own counts as numbers, and where several stages ran in it, a table of them all."""
    if not node.works:
        return {"rows": "described here; read, counted and transformed in the op that loads them"}
    counts = {stage: task.count for stage, task in book.tasks.items()}
    found: dict[str, Any] = dict(_numbers(counts.get(node.name, Count())))
    found[STAGES] = dg.MetadataValue.json({stage: _nonzero(count) for stage, count in counts.items()})
    for task in book.tasks.values():
        marks = {op: window.until for op, window in task.windows.items()}
        found |= {f"watermark of {op}": mark.value for op, mark in marks.items() if mark is not None}
    if node.kept:
        found["kept"] = node.kept
    if len(counts) > 1:
        found["stages"] = dg.MetadataValue.md(_table(counts))
    if rejecting := [stage for stage, count in counts.items() if count.rejected]:
        found["rejects"] = command(book.run.run_id, rejecting)
    return found


def stages_of(metadata: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The counts per stage that `metadata_of` put there."""
    value = metadata.get(STAGES)
    return dict(value.value) if isinstance(value, dg.JsonMetadataValue) and isinstance(value.value, dict) else {}


def progress_line(book: Book) -> str:
    """One line on rows so far and their rate, for the run's log."""
    if not book.tasks:
        return ""
    name, task = list(book.tasks.items())[-1]
    passed = task.passage.rows if task.passage else 0
    rows = max(task.count.rows_in, task.count.rows_out, passed)
    return f"{name}: {rows:,} rows so far, {rows / max(task.seconds, 0.001):,.0f} a second"


def _numbers(count: Count) -> dict[str, Any]:
    values = asdict(count)
    notes = values.pop("notes")
    shown: dict[str, Any] = {name: value for name, value in values.items() if name in _ALWAYS or value}
    shown["dagster/row_count"] = count.rows_out
    shown["seconds"] = round(count.seconds, 3)
    return shown | {f"note: {text}": number for text, number in notes.items()}


def _nonzero(count: Count) -> dict[str, Any]:
    return {name: value for name, value in asdict(count).items() if value or name in _ALWAYS}


def _table(counts: Mapping[str, Count]) -> str:
    lines = ["| stage | " + " | ".join(_TABLE) + " |", "|---" * (len(_TABLE) + 1) + "|"]
    for stage, count in counts.items():
        values = asdict(count) | {"seconds": round(count.seconds, 2)}
        lines.append(f"| {stage} | " + " | ".join(str(values[name]) for name in _TABLE) + " |")
    return "\n".join(lines)


def report_failure(context: dg.OpExecutionContext, job: JobFile, node: Node, failure: dg.Failure) -> None:
    """Make a failure under `continue` seen although the run goes on: an event that failed, and a tag on the run."""
    context.log.error(f"{node.name} failed and the job goes on without it: {failure.description}")
    context.log_event(
        dg.AssetObservation(
            asset_key=asset_key(job, node.name, node.entry),
            description=f"failed: {failure.description}",
            metadata={"failed": failure.description or "", **failure.metadata},
        )
    )
    context.instance.add_run_tags(context.run_id, {f"{FAILED_OP}{node.name}": "continue"})


def loaded(plan: Plan, node: Node, book: Book) -> dict[str, Any]:
    """What a materialisation tells of a load."""
    task = book.tasks[node.name]
    rejecting = [stage for stage, task in book.tasks.items() if task.count.rejected]
    rejects = sum(book.tasks[stage].count.rejected for stage in rejecting)
    metadata = _numbers(task.count) | {"rejected": rejects} | load_metadata(plan, task)
    if rejecting:
        metadata["rejects"] = command(book.run.run_id, rejecting)
        metadata["reject store"] = dg.MetadataValue.path(join(book.run.storage, "rejects"))
    return metadata


def report_load(context: dg.OpExecutionContext, plan: Plan, node: Node, book: Book) -> None:
    """Record what was loaded as a materialisation, so that it stands in the catalogue with its row count over time."""
    context.log_event(
        dg.AssetMaterialization(
            asset_key=asset_key(plan.job, node.name, node.entry),
            description=f"{book.tasks[node.name].count.rows_out} rows loaded by {node.name}",
            metadata=loaded(plan, node, book),
            partition=context.partition_key if context.has_partition_key else None,
        )
    )
