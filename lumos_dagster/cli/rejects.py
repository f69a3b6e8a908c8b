"""`lumos rejects`: which rows were put aside, why, and how to have them back."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lumos_dagster.cli.exporting import export_rows, plain
from lumos_dagster.cli.problems import fail
from lumos_dagster.errors import ConfigError, LumosError, Problem
from lumos_dagster.orchestration.instance import open_instance
from lumos_dagster.orchestration.kept_rejects import rejects_of
from lumos_dagster.problems import near
from lumos_dagster.rejects import Kept

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_OP = click.option("--op", help="Only the rows of this op.")
_ATTEMPT = click.option("--attempt", type=int, help="Those of one attempt, from 0; default: the one that counts.")


@click.group()
def rejects() -> None:
    """See rejected rows and their reasons, and write them to a file to be mended and loaded again."""


@rejects.command("list")
@click.option("--job", help="Only the runs of this job.")
@click.option("--run", "run_id", help="Only this run; the beginning of its id is enough.")
@_JSON
def list_rejects(job: str | None, run_id: str | None, as_json: bool) -> None:
    """List the ops that rejected rows: how many, when, and mostly why.

    Rows of a superseded attempt were read again by a later one, and are not in the total.
    """
    try:
        with open_instance() as instance:
            found = rejects_of(instance, job, run_id)
    except ConfigError as error:
        fail(error, as_json)
    total = sum(kept.rows for kept in found if kept.state != "superseded")
    if as_json:
        click.echo(
            json.dumps({"rejects": [_told(kept) for kept in found], "total": total}, ensure_ascii=False, indent=2)
        )
    elif not found:
        click.echo("no rejected rows are kept")
    else:
        _print(
            ("run", "job", "op", "attempt", "rows", "state", "when (UTC)", "mostly"),
            [[str(value) for value in _told(kept).values()] for kept in found],
        )
        click.echo(f"{total:,} rows; see them with: lumos rejects show RUN --op OP")


@rejects.command()
@click.argument("run_id", metavar="RUN")
@_OP
@_ATTEMPT
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many rows to show.")
@_JSON
def show(run_id: str, op: str | None, attempt: int | None, limit: int, as_json: bool) -> None:
    """Show the rejected rows of a RUN (the beginning of its id is enough), each with its reason."""
    try:
        found = _chosen(run_id, op, attempt)
    except ConfigError as error:
        fail(error, as_json)
    total = sum(kept.rows for kept in found)
    shown = list(islice(_records(found), limit))
    if as_json:
        click.echo(json.dumps({"rows": plain(shown), "total": total}, ensure_ascii=False, indent=2))
        return
    for kept in found:
        names = list(
            dict.fromkeys(name for record in shown if record["op"] == kept.attempt.op for name in record["row"])
        )
        lines = [_line(record, names) for record in shown if record["op"] == kept.attempt.op]
        if lines:
            click.echo(f"{kept.attempt.op}, attempt {kept.attempt.attempt} ({kept.state}), {kept.rows:,} rows")
            _print(("row", "field", "reason", *names), lines)
    click.echo(f"{len(shown):,} of {total:,} rejected rows")


@rejects.command()
@click.argument("run_id", metavar="RUN")
@click.argument("file")
@_OP
@_ATTEMPT
@_JSON
def export(run_id: str, file: str, op: str | None, attempt: int | None, as_json: bool) -> None:
    """Write the rejected rows of a RUN to a FILE: .csv (also .csv.gz ..), .jsonl or .parquet.

    The rows' own columns come first, then what was wrong with each: _reject_run, _reject_job, _reject_op,
    _reject_operation, _reject_row, _reject_field, _reject_value, _reject_reason.
    A jdbc loader leaves these out with schema_change: ignore.
    """
    try:
        found = _chosen(run_id, op, attempt)
        rows = export_rows(lambda: _records(found), file)
    except ConfigError as error:
        fail(error, as_json)
    except (LumosError, OSError) as error:
        fail(ConfigError(Problem(f"cannot write {file}: {error}")), as_json)
    if as_json:
        click.echo(json.dumps({"file": file, "rows": rows}, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{rows:,} rejected rows written to {file}")


def _chosen(run_id: str, op: str | None, attempt: int | None) -> list[Kept]:
    """Those that count, or those of the attempt that was asked for. Raises ConfigError for an unknown op or attempt."""
    with open_instance() as instance:
        found = rejects_of(instance, run=run_id)
    ops = tuple(dict.fromkeys(kept.attempt.op for kept in found))
    if op is not None and op not in ops:
        raise ConfigError(Problem(f"no op {op!r} rejected rows in run {run_id}", allowed=ops, hint=near(op, ops)))
    found = [kept for kept in found if op in (None, kept.attempt.op)]
    if attempt is None:
        latest = {kept.attempt.op: kept for kept in found}
        counting = [kept for kept in found if kept.state != "superseded"]
        return counting or list(latest.values())
    chosen = [kept for kept in found if kept.attempt.attempt == attempt]
    if not chosen:
        numbers = tuple(str(kept.attempt.attempt) for kept in found)
        raise ConfigError(Problem(f"attempt {attempt} rejected no rows in run {run_id}", allowed=numbers))
    return chosen


def _records(found: Sequence[Kept]) -> Iterator[dict[str, Any]]:
    for kept in found:
        yield from kept.records()


def _told(kept: Kept) -> dict[str, Any]:
    attempt = kept.attempt
    when = datetime.fromisoformat(attempt.at).strftime("%Y-%m-%d %H:%M:%S") if attempt.at else ""
    return {
        "run": attempt.run, "job": attempt.job, "op": attempt.op, "attempt": attempt.attempt,
        "rows": kept.rows, "state": kept.state, "when": when, "reason": kept.reason,
    }  # fmt: skip


def _line(record: dict[str, Any], names: Sequence[str]) -> list[str]:
    row: dict[str, Any] = record["row"]
    values = [_shown(row[name]) if name in row else "" for name in names]
    return [str(record["number"]), record["field"], record["reason"], *values]


def _shown(value: Any) -> str:
    """As a person tells values apart: no value from the empty text, a control character from none."""
    if value is None:
        return "null"
    text = repr(value) if isinstance(value, str) and (not value or not value.isprintable()) else str(plain(value))
    return text if len(text) <= 60 else text[:57] + "..."


def _print(names: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(Text(name), overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line))
    console = Console()
    if not console.is_terminal:
        console = Console(width=1000)  # a pipe has no width, and nothing may be cut there
    console.print(table)
