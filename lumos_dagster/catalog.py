"""The catalogue: which extractors, transformers and loaders there are. A new built-in is one line here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lumos_dagster.connectors.console import ConsoleLoader
from lumos_dagster.connectors.csv import CsvExtractor, CsvLoader
from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.connectors.memory import MemoryExtractor, MemoryLoader
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.interface import Combiner, Extractor, Loader, Transformer
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


@dataclass(frozen=True)
class Catalog:
    """Type name -> component class, for each kind."""

    extractors: Mapping[str, type[Extractor]] = field(default_factory=lambda: dict(EXTRACTORS))
    transformers: Mapping[str, type[Transformer | Combiner]] = field(default_factory=lambda: dict(TRANSFORMERS))
    loaders: Mapping[str, type[Loader]] = field(default_factory=lambda: dict(LOADERS))
