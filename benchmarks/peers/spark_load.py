"""Spark on this machine, by its CSV reader and JDBC: python spark_load.py FROM TO COLUMNS.

A place is csv:PATH or URL#TABLE, the latter in PostgreSQL. COLUMNS are those of a file with their types, as JSON. The
driver is Debian's libpostgresql-jdbc-java; it is told to make one statement of many rows, as Spark does not by itself.
"""

import json
import sys
from typing import Any

from pyspark.sql import DataFrame, SparkSession

DRIVER = "/usr/share/java/postgresql.jar"
PROPERTIES = {"driver": "org.postgresql.Driver", "batchsize": "10000", "reWriteBatchedInserts": "true"}


def main(source: str, target: str, columns: str) -> None:
    """On all cores; each part of the rows is a transaction of its own."""
    builder: Any = SparkSession.builder
    session = builder.master("local[*]").config("spark.jars", DRIVER).config("spark.ui.enabled", "false").getOrCreate()
    _rows(session, source, json.loads(columns)).write.jdbc(*_place(target), "append", PROPERTIES)
    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # at which it ends
    gateway.proc.wait()  # so that its time counts as this process's


def _rows(session: SparkSession, source: str, columns: dict[str, str]) -> DataFrame:
    if source.startswith("csv:"):
        types = {name: "string" if kind.startswith("varchar") else kind for name, kind in columns.items()}
        schema = ", ".join(f"{name} {kind}" for name, kind in types.items())
        return session.read.csv(source[4:], schema, header=True)
    return session.read.jdbc(*_place(source), properties={"driver": PROPERTIES["driver"], "fetchsize": "10000"})


def _place(place: str) -> tuple[str, str]:
    """The address in postgresql://USER@HOST/DATABASE#TABLE as JDBC writes it, and the table."""
    url, _, table = place.partition("#")
    user, _, server = url.partition("://")[2].rpartition("@")
    return f"jdbc:postgresql://{server}?user={user}", table


if __name__ == "__main__":
    main(*sys.argv[1:4])
