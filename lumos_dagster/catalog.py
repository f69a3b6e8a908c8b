"""The catalogue: which extractors, transformers and loaders there are. A new built-in is one line here."""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from lumos_dagster.interface import Combiner, Component, Extractor, Loader, Transformer
from lumos_dagster.plugins.guest import Kind
from lumos_dagster.plugins.project import Plugins, load_plugins

C = TypeVar("C", bound=Component)
_CONNECTORS, _TRANSFORMS = "lumos_dagster.connectors", "lumos_dagster.transforms"


class WhenUsed(Mapping[str, type[C]]):
    """Type name -> component class, imported when it is asked for, so that nobody waits for one that is not used."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> type[C]:
        module, _, class_name = self._places[name].partition(":")
        found: type[C] = getattr(import_module(module), class_name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


EXTRACTORS: Mapping[str, type[Extractor]] = WhenUsed(
    {
        "csv": f"{_CONNECTORS}.csv.extractor:CsvExtractor",
        "jdbc": f"{_CONNECTORS}.jdbc:JdbcExtractor",
        "memory": f"{_CONNECTORS}.memory:MemoryExtractor",
        "mongodb": f"{_CONNECTORS}.mongodb:MongoExtractor",
    }
)
TRANSFORMERS: Mapping[str, type[Transformer | Combiner]] = WhenUsed(
    {
        "json": f"{_TRANSFORMS}.json:Json",
        "default": f"{_TRANSFORMS}.json:Json",
        "basic": f"{_TRANSFORMS}.json:Json",
        "filter": f"{_TRANSFORMS}.filter:Filter",
        "map": f"{_TRANSFORMS}.map:Map",
        "sql": f"{_TRANSFORMS}.sql:Sql",
        "join": f"{_TRANSFORMS}.join:Join",
        "aggregate": f"{_TRANSFORMS}.aggregate:Aggregate",
        "deduplicate": f"{_TRANSFORMS}.deduplicate:Deduplicate",
        "sort": f"{_TRANSFORMS}.sort:Sort",
        "python": f"{_TRANSFORMS}.python:Python",
        "split": f"{_TRANSFORMS}.split:Split",
    }
)
LOADERS: Mapping[str, type[Loader]] = WhenUsed(
    {
        "csv": f"{_CONNECTORS}.csv.loader:CsvLoader",
        "jdbc": f"{_CONNECTORS}.jdbc:JdbcLoader",
        "memory": f"{_CONNECTORS}.memory:MemoryLoader",
        "mongodb": f"{_CONNECTORS}.mongodb:MongoLoader",
        "console": f"{_CONNECTORS}.console:ConsoleLoader",
    }
)


BUILT_IN: Mapping[Kind, Mapping[str, type[Component]]] = {
    "extractor": EXTRACTORS,
    "transformer": TRANSFORMERS,
    "loader": LOADERS,
}


@dataclass(frozen=True)
class Catalog:
    """Type name -> component class, for each kind. `unusable` says why a plugin gives nothing, "" why none does."""

    extractors: Mapping[str, type[Extractor]] = field(default_factory=lambda: EXTRACTORS)
    transformers: Mapping[str, type[Transformer | Combiner]] = field(default_factory=lambda: TRANSFORMERS)
    loaders: Mapping[str, type[Loader]] = field(default_factory=lambda: LOADERS)
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


def _with_plugins(built_in: Mapping[str, Any], plugins: Plugins, kind: Kind) -> Mapping[str, Any]:
    found = dict(plugins.components.get(kind, {}))
    prefixed = {f"plugin:{name}": component for name, component in found.items()}
    return ChainMap(prefixed, built_in, found)  # type: ignore[arg-type] # never written to
