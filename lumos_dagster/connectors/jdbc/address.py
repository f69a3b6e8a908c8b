"""Connection strings: JDBC URLs, the same without `jdbc:`, and SQLAlchemy URLs, turned into one address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.connectors.jdbc.duckdb import DUCKDB
from lumos_dagster.connectors.jdbc.mysql import MYSQL
from lumos_dagster.connectors.jdbc.oracle import ORACLE
from lumos_dagster.connectors.jdbc.postgresql import POSTGRESQL
from lumos_dagster.connectors.jdbc.sqlite import SQLITE
from lumos_dagster.connectors.jdbc.sqlserver import SQLSERVER
from lumos_dagster.problems import near

DATABASES: tuple[Database, ...] = (POSTGRESQL, MYSQL, SQLSERVER, ORACLE, SQLITE, DUCKDB)
"""A new database is one file and its name here."""

_SCHEME = re.compile(r"(?P<name>[a-z0-9]+)(?:\+[a-z0-9_]+)?:(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """Which database, and where."""

    database: Database
    name: str
    """The database on its server, or the path of its file."""
    host: str = ""
    port: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the URL says beside these, as the driver calls it."""

    @property
    def place(self) -> tuple[str, ...]:
        """The database as it may be shown: ("postgresql", "host:5432", "shop") or ("sqlite", "/data/shop.db")."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return tuple(part for part in (self.database.name, host and f"{host}:{self.port}", self.name) if part)

    def open(self) -> Any:
        """The driver's own connection."""
        import sqlalchemy as sa

        url = sa.URL.create(
            self.database.driver, self.username, self.password, self.host or None, self.port or None, self.name or None
        )
        return self.database.connect(url, {**self.database.connect_options(), **self.parameters})


def parse_address(text: str, username: str | None = None, password: str | None = None) -> Address:
    """The address behind a connection string. ValueError, without any of its secrets, where it is none."""
    database, rest = find_database(text)
    if database.in_a_file:
        return _file(database, rest, is_jdbc=text.startswith("jdbc:"))
    return _server(database, rest, username, password)


def find_database(text: str) -> tuple[Database, str]:
    """The kind of database that a connection string begins with, and the rest of the text."""
    match = _SCHEME.fullmatch(text.removeprefix("jdbc:"))
    names = {alias: database for database in DATABASES for alias in database.schemes}
    if not match or match["name"] not in names:
        found = match["name"] if match else ""
        known = ", ".join(f"jdbc:{database.schemes[0]}:" for database in DATABASES)
        raise ValueError(
            f"not a known database{f' {found!r}' if found else ''}; allowed: {known}. {near(found, names)}".rstrip()
        )
    return names[match["name"]], match["rest"]


def _file(database: Database, rest: str, is_jdbc: bool) -> Address:
    path, query = (*re.split(database.parameter_marks, rest, maxsplit=1), "")[:2]
    if path.startswith("///"):  # SQLAlchemy's sqlite:///relative and sqlite:////absolute; JDBC knows no such thing
        path = f"/{path.lstrip('/')}" if is_jdbc else path[3:]
    if path in ("", "//") or path.startswith(":memory:"):
        raise ValueError(f"a database in memory would be lost when the op ends; name a file: {database.example}")
    if path.startswith("file:"):
        raise ValueError(f"give the file's plain path: {database.example}")
    _checked(database, dict(parse_qsl(re.sub(database.parameter_marks, "&", query), keep_blank_values=True)))
    return Address(database, path)


def _server(database: Database, rest: str, username: str | None, password: str | None) -> Address:
    parts = database.read_url(rest)
    port = (parts.port if parts else 0) or database.port
    if not parts or not 0 < port < 1 << 16:
        raise ValueError(
            f"must look like {database.example}; in a user or password "
            "write @ : / ? % as %40 %3A %2F %3F %25, or give username and password apart"
        )
    query = _checked(database, parts.query)
    user_in_query, password_in_query = query.pop("user", None), query.pop("password", None)
    return Address(
        database,
        parts.name,
        parts.host,
        port,
        username or user_in_query or parts.user or None,
        password or password_in_query or parts.password or None,
        database.driver_parameters(query),
    )


def _checked(database: Database, query: Mapping[str, str]) -> dict[str, str]:
    """The parameters by their known names. ValueError for one that nobody knows, or that cannot be had here."""
    allowed = [] if database.in_a_file else sorted({"user", "password", *database.parameters})
    names = {name.lower() if database.folds_parameters else name: name for name in (*allowed, *database.refused)}
    found = {
        names.get(name.lower() if database.folds_parameters else name, name): value for name, value in query.items()
    }
    if unknown := [name for name in found if name not in names.values()]:
        hints = " ".join(filter(None, (near(name, allowed) for name in unknown)))
        known = ", ".join(allowed) or "none"
        raise ValueError(f"unknown parameter {', '.join(map(repr, unknown))}; allowed: {known}. {hints}".rstrip())
    if refused := [f"parameter {name!r}: {database.refused[name]}" for name in found if name in database.refused]:
        raise ValueError("; ".join(refused))
    return found
