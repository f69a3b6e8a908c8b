"""IO managers for CSV, JDBC, memory and MongoDB storage, usable in any Dagster project."""

from collections.abc import Mapping
from typing import ClassVar

from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.connectors.jdbc.address import parse_address
from lumos_dagster.connectors.memory import MemoryExtractor, MemoryLoader
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.files import join
from lumos_dagster.interface import Extractor, Loader
from lumos_dagster.orchestration.io_managers.connector import ConnectorIOManager
from lumos_dagster.values import Raw

__all__ = [
    "ConnectorIOManager", "CsvIOManager", "JdbcIOManager", "MemoryIOManager", "MongoIOManager",
]  # fmt: skip


class CsvIOManager(ConnectorIOManager):
    """Each output is a CSV file under `folder` (a path or fsspec URL), in folders named by the asset's key."""

    folder: str
    types: str = "text"
    """How columns are read: `text`, or `infer` for the types that keep every value's text exactly."""
    extractor: ClassVar[type[Extractor]] = CsvExtractor
    loader: ClassVar[type[Loader]] = CsvLoader

    def place(self, name: tuple[str, ...]) -> Mapping[str, Raw]:
        """`folder/key/name.csv`."""
        return {"file_path": join(self.folder, *name[:-1], f"{name[-1]}.csv")}

    def extractor_options(self) -> Mapping[str, Raw]:
        """The types."""
        return {"types": self.types}


class JdbcIOManager(ConnectorIOManager):
    """Each output is a table named by the last part of the asset's key; the part before it, if any, is the schema.

    A database in a file has no schemas: there the table's name is the whole key, joined by `_`.
    """

    connection_string: str
    """A JDBC URL or SQLAlchemy URL; use dg.EnvVar for one with a password."""
    extractor: ClassVar[type[Extractor]] = JdbcExtractor
    loader: ClassVar[type[Loader]] = JdbcLoader

    def place(self, name: tuple[str, ...]) -> Mapping[str, Raw]:
        """The table."""
        in_a_file = parse_address(self.connection_string).database.in_a_file
        table = _quoted("_".join(name)) if in_a_file else ".".join(_quoted(part) for part in name[-2:])
        return {"connection_string": self.connection_string, "table_name": table}

    def loader_options(self) -> Mapping[str, Raw]:
        """The table is made anew from the rows."""
        return {"load_mode": "replace", "create_table": True}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class MemoryIOManager(ConnectorIOManager):
    """Each output is kept in the instance's storage under its key; `persist` keeps it for other runs."""

    persist: bool = True
    extractor: ClassVar[type[Extractor]] = MemoryExtractor
    loader: ClassVar[type[Loader]] = MemoryLoader

    def place(self, name: tuple[str, ...]) -> Mapping[str, Raw]:
        """The key."""
        return {"key": "/".join(name)}

    def loader_options(self) -> Mapping[str, Raw]:
        """How long it is kept."""
        return {"persist": self.persist}


class MongoIOManager(ConnectorIOManager):
    """Each output is a collection named by the asset's key."""

    connection_string: str
    database: str
    extractor: ClassVar[type[Extractor]] = MongoExtractor
    loader: ClassVar[type[Loader]] = MongoLoader

    def place(self, name: tuple[str, ...]) -> Mapping[str, Raw]:
        """The collection."""
        return {
            "connection_string": self.connection_string,
            "database": self.database,
            "collection": ".".join(name),
        }

    def loader_options(self) -> Mapping[str, Raw]:
        """The collection holds exactly these rows afterwards."""
        return {"mode": "replace"}
