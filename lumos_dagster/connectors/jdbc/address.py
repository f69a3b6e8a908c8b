"""Connection strings: JDBC URLs, the same without `jdbc:`, and SQLAlchemy URLs, turned into one address."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import sqlalchemy as sa

from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.connectors.jdbc.postgresql import POSTGRESQL
from lumos_dagster.connectors.jdbc.sqlite import SQLITE
from lumos_dagster.problems import near

DATABASES: tuple[Database, ...] = (POSTGRESQL, SQLITE)
"""A new database is one file and its name here."""

_SCHEME = re.compile(r"(?P<name>[a-z0-9]+)(?:\+[a-z0-9_]+)?:(?P<rest>.*)", re.DOTALL)
_SERVER = re.compile(
    r"//(?:(?P<user>[^:@/]*)(?::(?P<password>[^@]*))?@)?(?P<host>\[[^\]]+\]|[^:/?]*)(?::(?P<port>\d+))?"
    r"(?:/(?P<name>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Address:
    """Which database, and where. `url` may hold a password; `place` never does."""

    database: Database
    url: sa.URL

    @property
    def place(self) -> tuple[str, ...]:
        """The database as it may be shown: ("postgresql", "host:5432", "shop") or ("sqlite", "/data/shop.db")."""
        server = f"{self.url.host}:{self.url.port}" if self.url.host else ""
        return tuple(part for part in (self.database.name, server, self.url.database or "") if part)


def parse_address(text: str, username: str | None = None, password: str | None = None) -> Address:
    """The address behind a connection string. ValueError, without any of its secrets, where it is none."""
    match = _SCHEME.fullmatch(text.removeprefix("jdbc:"))
    names = {alias: database for database in DATABASES for alias in database.schemes}
    if not match or match["name"] not in names:
        found = match["name"] if match else ""
        known = ", ".join(f"jdbc:{database.schemes[0]}:" for database in DATABASES)
        raise ValueError(
            f"not a known database{f' {found!r}' if found else ''}; allowed: {known}. {near(found, names)}"
        )
    database = names[match["name"]]
    if database.in_a_file:
        return Address(database, _file(database, match["rest"]))
    return Address(database, _server(database, match["rest"], username, password))


def _file(database: Database, rest: str) -> sa.URL:
    path = rest.split("?", 1)[0]
    path = path.removeprefix("///") if path.startswith("///") else path  # sqlite:///relative, sqlite:////absolute
    if path in ("", ":memory:"):
        raise ValueError(
            "a database in memory would be lost when the op ends; name a file: jdbc:sqlite:/path/to/file.db"
        )
    return sa.URL.create(database.driver, database=path)


def _server(database: Database, rest: str, username: str | None, password: str | None) -> sa.URL:
    match = _SERVER.fullmatch(rest)
    if not match or not match["host"]:
        raise ValueError(f"must look like jdbc:{database.schemes[0]}://host:port/database?parameter=value")
    query = dict(parse_qsl(match["query"] or "", keep_blank_values=True))
    user_in_query, password_in_query = query.pop("user", None), query.pop("password", None)
    if unknown := [name for name in query if name not in database.parameters]:
        allowed = sorted({"user", "password", *database.parameters})
        hints = " ".join(filter(None, (near(name, allowed) for name in unknown)))
        raise ValueError(f"unknown parameter {', '.join(map(repr, unknown))}; allowed: {', '.join(allowed)}. {hints}")
    return sa.URL.create(
        database.driver,
        username=username or user_in_query or unquote(match["user"] or "") or None,
        password=password or password_in_query or unquote(match["password"] or "") or None,
        host=match["host"].strip("[]"),
        port=int(match["port"] or database.port),
        database=unquote(match["name"] or "") or None,
        query={database.parameters[name]: value for name, value in query.items()},
    )
