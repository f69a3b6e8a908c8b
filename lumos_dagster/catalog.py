"""The catalogue: which extractors, transformers and loaders there are. A new built-in is one line here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lumos_dagster.connectors.console import ConsoleLoader
from lumos_dagster.connectors.csv import CsvExtractor, CsvLoader
from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.connectors.memory import MemoryExtractor, MemoryLoader
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.interface import Combiner, Component, Extractor, Loader, Transformer
from lumos_dagster.plugins.guest import Kind
from lumos_dagster.plugins.project import Plugins, load_plugins
from lumos_dagster.transforms import Aggregate, Deduplicate, Filter, Join, Json, Map, Python, Sort, Split, Sql

EXTRACTORS: Mapping[str, type[Extractor]] = {
    "csv": CsvExtractor,
    "jdbc": JdbcExtractor,
    "memory": MemoryExtractor,
    "mongodb": MongoExtractor,
}
TRANSFORMERS: Mapping[str, type[Transformer | Combiner]] = {
    "json": Json,
    "default": Json,
    "basic": Json,
    "filter": Filter,
    "map": Map,
    "sql": Sql,
    "join": Join,
    "aggregate": Aggregate,
    "deduplicate": Deduplicate,
    "sort": Sort,
    "python": Python,
    "split": Split,
}
LOADERS: Mapping[str, type[Loader]] = {
    "csv": CsvLoader,
    "jdbc": JdbcLoader,
    "memory": MemoryLoader,
    "mongodb": MongoLoader,
    "console": ConsoleLoader,
}


BUILT_IN: Mapping[Kind, Mapping[str, type[Component]]] = {
    "extractor": EXTRACTORS,
    "transformer": TRANSFORMERS,
    "loader": LOADERS,
}


@dataclass(frozen=True)
class Catalog:
    """Type name -> component class, for each kind. `unusable` says why a plugin gives nothing, "" why none does."""

    extractors: Mapping[str, type[Extractor]] = field(default_factory=lambda: dict(EXTRACTORS))
    transformers: Mapping[str, type[Transformer | Combiner]] = field(default_factory=lambda: dict(TRANSFORMERS))
    loaders: Mapping[str, type[Loader]] = field(default_factory=lambda: dict(LOADERS))
    unusable: Mapping[str, str] = field(default_factory=dict)


def project_catalog(plugins_dir: Path | None = None) -> Catalog:
    """The built-in components and those of the project's plugins, each as `plugin:name` and, where free, as `name`."""
    plugins = load_plugins(plugins_dir)
    return Catalog(
        _with_plugins(EXTRACTORS, plugins, "extractor"),
        _with_plugins(TRANSFORMERS, plugins, "transformer"),
        _with_plugins(LOADERS, plugins, "loader"),
        plugins.unusable,
    )


def _with_plugins(built_in: Mapping[str, Any], plugins: Plugins, kind: Kind) -> dict[str, Any]:
    found = plugins.components.get(kind, {})
    return {**found, **built_in, **{f"plugin:{name}": component for name, component in found.items()}}
