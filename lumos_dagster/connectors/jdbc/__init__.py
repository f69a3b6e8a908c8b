"""JDBC databases: each with its differences declared in a file or folder of its own."""

from lumos_dagster.connectors.jdbc.extractor import JdbcExtractor
from lumos_dagster.connectors.jdbc.loader import JdbcLoader

__all__ = ["JdbcExtractor", "JdbcLoader"]
