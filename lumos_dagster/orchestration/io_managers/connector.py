"""IO managers for a Dagster user's own ops and assets: each is a connector's extractor and loader, and a place."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import dagster as dg
import pandas as pd
import pyarrow as pa

from lumos_dagster.accounting import Book
from lumos_dagster.counting import counted_in
from lumos_dagster.interface import Deferred, Extraction, Extractor, Loader
from lumos_dagster.orchestration.failures import refused
from lumos_dagster.orchestration.launch import run_context
from lumos_dagster.orchestration.rows import as_relation
from lumos_dagster.relation import Relation
from lumos_dagster.values import Raw

Rows = Relation | pa.Table | pd.DataFrame
"""What an asset or op of a user's own may give and take."""


class ConnectorIOManager(dg.ConfigurableIOManager):
    """Stores each output through a connector, all or nothing, and reads it back as the input's type asks.

    A subclass names its extractor and loader and says where an output lies. Options given as the
    output's metadata under the loader's names (`metadata={"table_name": ..}`) win.
    """

    extractor: ClassVar[type[Extractor]]
    loader: ClassVar[type[Loader]]

    @abstractmethod
    def place(self, name: tuple[str, ...]) -> Mapping[str, Raw]:
        """The options, shared by extractor and loader, that say where the rows of `name` lie."""

    def loader_options(self) -> Mapping[str, Raw]:
        """What the loader is told beside the place: an output replaces what was there."""
        return {}

    def extractor_options(self) -> Mapping[str, Raw]:
        """What the extractor is told beside the place."""
        return {}

    def handle_output(self, context: dg.OutputContext, obj: Rows | None) -> None:
        """Write the rows; an output of None writes nothing."""
        if obj is None:
            return
        relation = as_relation(obj)
        options = {**self.place(_name(context)), **self.loader_options()}
        options |= _from_metadata(self.loader, context.definition_metadata)
        name = ".".join(_name(context))
        book = Book(run_context(context.step_context.instance, context.run_id), log=context.log.info)

        def write() -> None:
            loader = Deferred(name, self.loader, options, book.run)
            with relation.open(book) as rows, loader.task(book) as task:
                loader.build().write(counted_in(rows, task), task)

        refused(write, name)
        count = book.tasks[name].count
        context.add_output_metadata({"dagster/row_count": count.rows_in, "seconds": round(count.seconds, 3)})

    def load_input(self, context: dg.InputContext) -> Rows:
        """The rows as a Relation (nothing is read yet), a pyarrow.Table or a pandas.DataFrame."""
        upstream = context.upstream_output
        stored_by = context if context.has_asset_key or upstream is None else upstream
        options = {**self.place(_name(stored_by)), **self.extractor_options()}
        metadata = upstream.definition_metadata if upstream else context.definition_metadata
        options |= _from_metadata(self.extractor, metadata)
        run = run_context(context.instance, stored_by.run_id if isinstance(stored_by, dg.OutputContext) else "")
        relation = Relation(Extraction(Deferred(context.name, self.extractor, options, run)))
        wanted = context.dagster_type.typing_type
        if wanted is pd.DataFrame:
            return refused(relation.to_pandas, context.name)
        if wanted is pa.Table:
            return refused(relation.to_table, context.name)
        return relation


def _name(context: dg.InputContext | dg.OutputContext) -> tuple[str, ...]:
    """The asset's key, and its partition where it has one; for an op's output its step and name."""
    if not context.has_asset_key:
        assert isinstance(context, dg.OutputContext)  # noqa: S101 - an input without asset has an upstream output
        return (*context.step_key.split("."), context.name)
    key = tuple(context.asset_key.path)
    return (*key, context.asset_partition_key) if context.has_asset_partitions else key


def _from_metadata(component: type[Extractor | Loader], metadata: Mapping[str, Any] | None) -> dict[str, Raw]:
    names = component.option_names()
    return {name: value for name, value in (metadata or {}).items() if name in names}
