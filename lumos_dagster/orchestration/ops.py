"""Op factories: one op per entry, its options as config, its rows as a Relation, its counts as metadata."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg

from lumos_dagster.accounting import Book
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import ConfigError
from lumos_dagster.orchestration.assets.checks import report_checks
from lumos_dagster.orchestration.assets.keys import offered, waits
from lumos_dagster.orchestration.attempt import run_attempt
from lumos_dagster.orchestration.failures import guarded, retry_policy
from lumos_dagster.orchestration.launch import graphs_around, read_launch
from lumos_dagster.orchestration.names import (
    DONE,
    LOADED,
    ROWS,
    definition_name,
    order_input,
    rows_input,
    waiting_input,
)
from lumos_dagster.orchestration.options import config_schema
from lumos_dagster.orchestration.relation_io import RELATION_IO
from lumos_dagster.orchestration.reporting import loaded, metadata_of, progress_line, report_failure, report_load
from lumos_dagster.orchestration.resources import LUMOS, LumosSettings
from lumos_dagster.orchestration.sweep import sweep
from lumos_dagster.orchestration.work import Launch, perform
from lumos_dagster.plan import Node, Plan
from lumos_dagster.relation import Relation

RELATION_TYPE = dg.PythonObjectDagsterType(
    Relation, name="Relation", description="A lazy, re-openable description of rows."
)


def make_op(plan: Plan, node: Node) -> dg.OpDefinition:
    """The op of one entry. Its name is unique in the location; the graph shows it under the entry's own."""

    def compute(context: dg.OpExecutionContext, inputs: Mapping[str, Relation]) -> Iterator[dg.Output[Any]]:
        yield from _run(context, plan, node, inputs)

    ins = {rows_input(parent): dg.In(RELATION_TYPE) for parent in node.parents}
    ins |= {order_input(parent): dg.In(dg.Nothing) for parent in node.after}
    ins |= {waiting_input(key.path): dg.In(dg.Nothing) for key in waits(plan).get(node.path, ())}
    outs = {DONE: dg.Out(dg.Nothing, io_manager_key=RELATION_IO, description="The op has ended; its counts are here.")}
    if node.children:
        outs[ROWS] = dg.Out(RELATION_TYPE, is_required=False, io_manager_key=RELATION_IO, description="The op's rows.")
    if node.path in offered(plan):
        outs[LOADED] = dg.Out(dg.Nothing, is_required=False, description="What was loaded, as an asset.")
    return dg.OpDefinition(
        compute_fn=compute,
        name=definition_name(plan.job.name, node.path),
        ins=ins,
        outs=outs,
        description=_description(node),
        config_schema=config_schema(node.entry),
        required_resource_keys={LUMOS},
        retry_policy=retry_policy(node.retry),
        tags={"kind": node.entry.component.technology(node.entry.options) or node.entry.type.removeprefix("plugin:")},
        pool=node.entry.pool,
    )


def _description(node: Node) -> str:
    given = " ".join(node.entry.description.split())
    own = " ".join((node.entry.component.__doc__ or "").split("\n\n")[0].split())
    return given or f"{node.entry.kind} {node.entry.type}: {own}"


def _run(
    context: dg.OpExecutionContext, plan: Plan, node: Node, inputs: Mapping[str, Relation]
) -> Iterator[dg.Output[Any]]:
    """One attempt, then what it gave; under `continue` a failure is noted instead, and no rows travel on."""
    book = None
    try:
        launch = guarded(lambda: read_launch(context, plan, node), node.retry, context.retry_number, node.name)
        if not node.parents and not node.after:
            _sweep(context)
        now = launch.plan.nodes[node.path]
        book = Book(launch.run, context.retry_number, Cancellation(), context.log.info)
        attempt = partial(_attempt, context, launch, now, inputs, book)
        rows = guarded(attempt, now.retry, context.retry_number, node.name)
    except dg.Failure as failure:
        if book is not None:
            report_checks(context, launch.plan, now, book, str(failure.metadata["error"].value))
        if node.failure_policy != "continue":
            raise
        report_failure(context, plan.job, node, failure)
        yield from _done(context, {"failed": failure.description or "", **failure.metadata})
        return
    metadata = metadata_of(now, book)
    if now.entry.kind == "loader":
        if graphs_around(context, node) and node.path in offered(plan):
            yield dg.Output(None, LOADED, metadata=loaded(launch.plan, now, book))
        else:
            report_load(context, launch.plan, now, book)
    report_checks(context, launch.plan, now, book)
    if rows is not None and node.children:
        yield dg.Output(rows, ROWS, metadata=metadata)
    yield from _done(context, metadata)


def _done(context: dg.OpExecutionContext, metadata: Mapping[str, Any]) -> Iterator[dg.Output[Any]]:
    """The end of the op, where somebody waits for it: a run of assets takes no output that nobody uses."""
    if DONE in context.selected_output_names:
        yield dg.Output(None, DONE, metadata=metadata)


def _attempt(
    context: dg.OpExecutionContext, launch: Launch, node: Node, inputs: Mapping[str, Relation], book: Book
) -> Relation | None:
    by_path = {parent: inputs[rows_input(parent)] for parent in node.parents}

    def progress() -> None:
        if line := progress_line(book):
            context.log.info(line)

    try:
        return run_attempt(
            lambda: perform(node, launch, by_path, book), book.cancellation, node.name, node.timeout, progress
        )
    except ConfigError as error:
        raise ConfigError(launch.plan.job.placed(problem) for problem in error.problems) from None


def _sweep(context: dg.OpExecutionContext) -> None:
    """The first ops of a run clear what old runs left; a disk that will not be cleared is no reason to stop."""
    settings: LumosSettings = getattr(context.resources, LUMOS)
    try:
        sweep(context.instance, settings.storage, settings.keep_hours)
    except OSError as error:
        context.log.warning(f"could not clear rows of old runs under {settings.storage}: {error}")
