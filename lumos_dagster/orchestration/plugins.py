"""The `LumosPlugins` resource: every installed component as an op factory, for jobs written in Python."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from lumos_dagster.accounting import Book
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.catalog import Catalog, project_catalog
from lumos_dagster.config import override_job, read_entry
from lumos_dagster.config.model import Entry, JobFile, Kind
from lumos_dagster.orchestration.attempt import run_attempt
from lumos_dagster.orchestration.failures import refused
from lumos_dagster.orchestration.launch import run_context
from lumos_dagster.orchestration.options import changed_options, config_schema
from lumos_dagster.orchestration.reporting import metadata_of, progress_line, report_load
from lumos_dagster.orchestration.rows import ROWS_TYPE, as_relation
from lumos_dagster.orchestration.work import Launch, perform
from lumos_dagster.plan import Node, Path, Plan, Take
from lumos_dagster.relation import Relation
from lumos_dagster.values import Raw


class LumosPlugins(dg.ConfigurableResource):  # type: ignore[type-arg] # it is its own value
    """Extractors, transformers and loaders, installed or built in, as ops of a job written in Python.

    ```python
    plugins = LumosPlugins()
    read = plugins.extractor("http", "read", {"url": "https://example.com/a.json"})
    load = plugins.loader("jdbc", "load", {"connection_string": "${DB_URL}", "table_name": "a"})

    @dg.job
    def nightly():
        load(read())
    ```

    An extractor's op and a transformer's give a Relation, so nothing is read before a loader, or an op of yours,
    asks for the rows; what a transformer or loader takes may be a pandas.DataFrame or a pyarrow.Table as well.
    Options are the op's config, with those given here as defaults.
    """

    plugins_dir: str | None = None
    """The folder of plugins; by default the project's."""

    def catalog(self) -> Catalog:
        """What there is."""
        return project_catalog(pathlib.Path(self.plugins_dir).resolve() if self.plugins_dir else None)

    def extractor(self, type_: str, name: str, options: Mapping[str, Raw] | None = None) -> dg.OpDefinition:
        """An op `name` that gives the rows of an extractor. Raises ConfigError for mistakes in type and options."""
        return self._op("extractor", type_, name, options or {}, ())

    def transformer(
        self, type_: str, name: str, options: Mapping[str, Raw] | None = None, inputs: Sequence[str] = ("rows",)
    ) -> dg.OpDefinition:
        """An op `name` that changes the rows of its inputs; those of several are united, or met by a join or sql."""
        return self._op("transformer", type_, name, options or {}, inputs)

    def loader(self, type_: str, name: str, options: Mapping[str, Raw] | None = None) -> dg.OpDefinition:
        """An op `name` that loads its input `rows`, counts them and reports a materialisation."""
        return self._op("loader", type_, name, options or {}, ("rows",))

    def _op(
        self, kind: Kind, type_: str, name: str, options: Mapping[str, Raw], inputs: Sequence[str]
    ) -> dg.OpDefinition:
        entry = read_entry(self.catalog(), kind, type_, name, options)

        def compute(context: dg.OpExecutionContext, rows: Mapping[str, Any]) -> Iterator[dg.Output[Any]]:
            yield _performed(context, entry, rows)

        out = dg.Out(dg.Nothing) if kind == "loader" else dg.Out(ROWS_TYPE)
        return dg.OpDefinition(
            compute_fn=compute,
            name=name,
            ins={place: dg.In(ROWS_TYPE) for place in inputs},
            outs={"result": out},
            description=" ".join((entry.component.__doc__ or "").split("\n\n")[0].split()),
            config_schema=config_schema(entry),
            tags={"kind": entry.component.technology(options) or entry.type.removeprefix("plugin:")},
        )


def _performed(context: dg.OpExecutionContext, entry: Entry, rows: Mapping[str, Any]) -> dg.Output[Any]:
    """One attempt, its failures as Dagster's; whether what may pass is tried again is up to the op's RetryPolicy."""
    name = context.op_handle.name
    book = Book(run_context(context.instance, context.run_id), context.retry_number, Cancellation(), context.log.info)
    takes = tuple(Take(place, (place,)) for place in rows)
    node = Node((name,), replace(entry, name=name), tuple(take.parent for take in takes), takes)

    job = JobFile(path="", name=context.job_name, title="", entries=(node.entry,))

    def work() -> Relation | None:
        changed = override_job(job, {name: changed_options(entry, context.op_config or {})}, {})
        now = replace(node, entry=dict(changed.ops())[name])
        inputs: dict[Path, Relation] = {(place,): as_relation(value) for place, value in rows.items()}
        return perform(now, Launch(Plan(changed, "streaming", {now.path: now}), book.run), inputs, book)

    def progress() -> None:
        if line := progress_line(book):
            context.log.info(line)

    relation = refused(lambda: run_attempt(work, book.cancellation, name, None, progress), name)
    if entry.kind == "loader":
        report_load(context, Plan(job, "streaming", {node.path: node}), node, book)
    return dg.Output(relation, metadata=metadata_of(node, book))
