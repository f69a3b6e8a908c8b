"""What an op does, whatever runs it: describe rows, keep them, or load them."""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from lumos_dagster.accounting import MAX_REJECTS, Book, Task
from lumos_dagster.ahead import ahead
from lumos_dagster.cancellation import stoppable
from lumos_dagster.columns import column_problems
from lumos_dagster.combination import Combination, Pick
from lumos_dagster.counting import counted_in
from lumos_dagster.errors import ConfigError, DataError, Interrupted, Problem
from lumos_dagster.files import join
from lumos_dagster.interface import Combiner, Component, Deferred, Extraction, Loader, Transformation
from lumos_dagster.lineage import Lineage
from lumos_dagster.orchestration.provenance import lineage_of, with_lineage
from lumos_dagster.passage import SAMPLE_ROWS
from lumos_dagster.plan import Node, Path, Plan, Take
from lumos_dagster.relation import Relation, Source, Union
from lumos_dagster.sent import keep, kept_passage
from lumos_dagster.spool import spool_once, spool_writer
from lumos_dagster.values import RUN_NAMES, RunContext, has_placeholder, placeholders
from lumos_dagster.watermarks import Window, known_window


@dataclass(frozen=True)
class Launch:
    """A run: the plan that holds for it, launch overrides included, and what the run knows about itself."""

    plan: Plan
    run: RunContext


def check(launch: Launch) -> None:
    """Build every component of the job once, and hold it against the columns that come to it where they are known.

    Raises ConfigError with every mistake, before anything is touched.
    """
    _check(launch, launch.plan.nodes.values())


def check_known(plan: Plan) -> None:
    """As `check`, of what no environment and no partition can change. Raises ConfigError with every mistake."""
    settled = {f"vars.{name}" for name, value in plan.job.vars.items() if not has_placeholder(value)} | {*RUN_NAMES}
    run = RunContext(plan.job.name, "check", "check", datetime.now(UTC), "", vars=plan.job.vars)
    _check(
        Launch(plan, run),
        (node for node in plan.nodes.values() if settled.issuperset(placeholders(node.entry.options))),
    )


def _check(launch: Launch, nodes: Iterable[Node]) -> None:
    problems: list[Problem] = []
    built: dict[Path, Component] = {}
    for node in nodes:
        try:
            built[node.path] = _deferred(node, launch).build()
        except ConfigError as error:
            problems.extend(error.problems)
    problems += column_problems(launch.plan, built)
    if problems:
        raise ConfigError(launch.plan.job.placed(problem) for problem in problems)


def perform(node: Node, launch: Launch, inputs: Mapping[Path, Relation], book: Book) -> Relation | None:
    """Do the op's work and give the rows that travel on, None where nobody takes them.

    `inputs` are the parents' rows. Rows are read here only where the node keeps them or loads them;
    else what is given is their description.
    """
    _choose_allocator()
    deferred = _deferred(node, launch)
    if node.entry.kind == "loader":
        return _load(node, deferred, _united(node, inputs), book)
    if node.entry.kind == "extractor":
        relation = Relation(Extraction(deferred))
    elif issubclass(node.entry.component, Combiner):
        relation = Relation(Combination(deferred, _apart(node, inputs, node.entry.component.apart)))
    else:
        relation = _united(node, inputs).pipe(Transformation(deferred))
    if node.kept:
        kept = keep(relation, _only_loader(node, launch), _spool_url(node, launch.run), book)
        relation = with_lineage(kept, lineage_of(relation, book))
        book.check()
    return relation


def _only_loader(node: Node, launch: Launch) -> Deferred[Loader] | None:
    """The loader that takes the node's rows, if nobody else does, and if it takes no others and hands none on."""
    if len(node.children) != 1:
        return None
    child = launch.plan.nodes[node.children[0]]
    if (
        child.entry.kind != "loader"
        or child.children
        or [(take.parent, take.output) for take in child.takes] != [(node.path, "")]
    ):
        return None
    return _deferred(child, launch)


def _deferred(node: Node, launch: Launch) -> Deferred:  # type: ignore[type-arg] # of the kind that the entry names
    entry, job = node.entry, launch.plan.job
    return Deferred(
        op=node.name,
        component=entry.component,
        options=entry.options,
        run=launch.run,
        on_error=entry.on_error or job.on_error,
        max_rejects=entry.max_rejects or job.max_rejects or MAX_REJECTS,
        keeper=_deferred(launch.plan.nodes[node.keeper], launch) if node.keeper else None,
    )


def _united(node: Node, inputs: Mapping[Path, Relation]) -> Relation:
    return Relation.union(tuple(_taken(take, inputs) for take in node.takes))


def _apart(node: Node, inputs: Mapping[Path, Relation], apart: bool) -> tuple[tuple[str, Relation], ...]:
    """What a combiner takes: its parents' rows by name, or all of them as one."""
    if not apart:
        return (("input", _united(node, inputs)),)
    return tuple((take.name, _taken(take, inputs)) for take in node.takes)


def _taken(take: Take, inputs: Mapping[Path, Relation]) -> Relation:
    rows = inputs[take.parent]
    return rows.pipe(Pick(take.output)) if take.output else rows


def _spool_url(node: Node, run: RunContext) -> str:
    return join(run.storage, "spool", run.run_id, run.job, f"{node.name}.arrow")


def _choose_allocator() -> None:
    """Take jemalloc where Arrow has it and nobody chose: as fast as what Arrow takes, and it keeps less to itself."""
    if "ARROW_DEFAULT_MEMORY_POOL" not in os.environ and "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def _load(node: Node, deferred: Deferred[Loader], rows: Relation, book: Book) -> Relation | None:
    loader, given = deferred.build(), rows
    if reason := _why_kept_first(loader, rows):
        book.log(f"{node.name}: the rows are kept in the spool before they are loaded: {reason}")
        rows = spool_once(
            rows,
            join(deferred.run.storage, "spool", deferred.run.load_id, deferred.run.job, f"{node.name}.input.arrow"),
            book,
        )
    accepted = None
    with ExitStack() as stack:
        reading = stack.enter_context(stoppable(book))
        reader = stack.enter_context(rows.open(reading))
        task = stack.enter_context(deferred.task(book))
        task.windows = _windows(node, deferred.run)
        if node.children:
            accepted = stack.enter_context(spool_writer(_spool_url(node, deferred.run), reader.schema))
            task.accept = accepted.write
        elif isinstance(rows.source, Extraction) and not rows.steps:
            task.offer(book.tasks[rows.source.extractor.op])
        else:
            task.passage = kept_passage(rows, reading)
        task.schema, count = reader.schema, task.count
        ended = Interrupted("the load has ended")
        making = ahead(reader, lambda: reading.cancellation.cancel(ended))
        batches = stack.enter_context(making if task.passage is None else closing(_once_asked_for(making)))
        result = loader.write(counted_in(_measured(reader.schema, batches, task), task), task)
        count.inserted, count.updated, count.unchanged = result.inserted, result.updated, result.unchanged
        count.merged, count.unmatched, count.bytes = result.merged, result.unmatched, result.bytes or count.bytes
        count.rows_out = result.inserted + result.updated + result.unchanged
        task.lineage = lineage_of(given, book)
    book.check()
    if accepted is None:
        return None
    private = task.lineage.private if task.lineage else frozenset(reader.schema.names)
    return with_lineage(accepted.relation, Lineage.beginning(node.name, reader.schema.names, private))


def _once_asked_for(making: AbstractContextManager[Iterator[pa.RecordBatch]]) -> Generator[pa.RecordBatch, None, None]:
    """The batches, none of which is made before the loader wants one: it may not want any."""
    with making as batches:
        yield from batches


def _windows(node: Node, run: RunContext) -> dict[str, Window]:
    """What the extractors above have fixed in this load; the rows are open, so each of them has."""
    found = {name: known_window(run, name) for name in map(".".join, node.keeps)}
    if lost := [name for name, window in found.items() if window is None]:
        raise DataError(f"how far {', '.join(lost)} was to be read is no longer in {run.storage}; start a new run")
    return {name: window for name, window in found.items() if window is not None}


def _measured(schema: pa.Schema, rows: Iterator[pa.RecordBatch], task: Task) -> pa.RecordBatchReader:
    """The same rows, the first of them kept as a sample, and their bytes counted: what stands for a load whose target
    does not tell what it wrote.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in rows:
            task.count.bytes += batch.nbytes
            if (room := SAMPLE_ROWS - len(task.sample)) > 0:
                task.sample += batch.slice(0, room).to_pylist()
            yield batch

    return pa.RecordBatchReader.from_batches(schema, batches())


def _why_kept_first(loader: Loader, rows: Relation) -> str:
    """Why a pass straight from source to target would not be safe, "" where it is."""
    sources = list(_sources(rows))
    if not loader.atomic and sources:
        return "a retry of this load needs the very same input"
    places = [source.extractor.build() for source in sources if isinstance(source, Extraction)]
    if any(extractor.reads(loader.location()) for extractor in places):
        return "they come from the place that they go to"
    return ""


def _sources(rows: Relation) -> Iterator[Extraction | Combination]:
    """What a pass over the rows would do anew: what is read outside our own spool, and what is made of several."""
    source: Source = rows.source
    if isinstance(source, Extraction | Combination):
        yield source
    inner = source.relations if isinstance(source, Union) else ()
    if isinstance(source, Combination):
        inner = tuple(relation for _, relation in source.inputs)
    for relation in inner:
        yield from _sources(relation)
