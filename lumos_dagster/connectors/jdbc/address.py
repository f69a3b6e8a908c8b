"""Connection strings: JDBC URLs, the same without `jdbc:`, and SQLAlchemy URLs, turned into one address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.connectors.jdbc.mysql import MYSQL
from lumos_dagster.connectors.jdbc.postgresql import POSTGRESQL
from lumos_dagster.connectors.jdbc.sqlite import SQLITE
from lumos_dagster.problems import near

DATABASES: tuple[Database, ...] = (POSTGRESQL, MYSQL, SQLITE)
"""A new database is one file and its name here."""

_SCHEME = re.compile(r"(?P<name>[a-z0-9]+)(?:\+[a-z0-9_]+)?:(?P<rest>.*)", re.DOTALL)
_TAIL = r"(?P<host>\[[^\]@]+\]|[^:/?@]*)(?::(?P<port>\d+))?(?:/(?P<name>[^?]*))?(?:\?(?P<query>.*))?"
_SERVER = (
    re.compile(rf"//(?:(?P<user>[^:@/?]*)(?::(?P<password>[^@/?]*))?@)?{_TAIL}", re.DOTALL),
    # SQLAlchemy takes a password with / and ? in it as it is: read so only what makes no sense otherwise.
    re.compile(rf"//(?P<user>[^:@/]*):(?P<password>[^@]*)@{_TAIL}", re.DOTALL),
)
_SHORT = re.compile(r"/?(?P<name>[^/?@:]*)(?:\?(?P<query>.*))?", re.DOTALL)


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
    parameters: Mapping[str, str] = field(default_factory=dict)
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
        dialect = url.get_dialect()()
        arguments, options = dialect.create_connect_args(url)
        return dialect.import_dbapi().connect(
            *arguments, **{**options, **self.database.connect_options(), **self.parameters}
        )


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
    path, _, query = rest.partition("?")
    if path.startswith("///"):  # SQLAlchemy's sqlite:///relative and sqlite:////absolute; JDBC knows no such thing
        path = f"/{path.lstrip('/')}" if is_jdbc else path[3:]
    if path in ("", "//", ":memory:"):
        raise ValueError(
            "a database in memory would be lost when the op ends; name a file: jdbc:sqlite:/path/to/file.db"
        )
    if path.startswith("file:"):
        raise ValueError("give the file's plain path: jdbc:sqlite:/path/to/file.db")
    _parameters(database, query)
    return Address(database, path)


def _server(database: Database, rest: str, username: str | None, password: str | None) -> Address:
    forms = (*_SERVER, _SHORT) if not rest.startswith("//") else _SERVER
    match = next((found for form in forms if (found := form.fullmatch(rest))), None)
    parts = match.groupdict() if match else {}
    port = int(parts.get("port") or database.port)
    if not match or not 0 < port < 1 << 16:
        raise ValueError(
            f"must look like jdbc:{database.schemes[0]}://host:port/database?parameter=value; in a user or password "
            "write @ : / ? % as %40 %3A %2F %3F %25, or give username and password apart"
        )
    query = _parameters(database, parts.get("query") or "")
    user_in_query, password_in_query = query.pop("user", None), query.pop("password", None)
    return Address(
        database,
        unquote(parts["name"] or ""),
        (parts.get("host") or "localhost").strip("[]"),
        port,
        username or user_in_query or unquote(parts.get("user") or "") or None,
        password or password_in_query or unquote(parts.get("password") or "") or None,
        database.driver_parameters(query),
    )


def _parameters(database: Database, query: str) -> dict[str, str]:
    found = dict(parse_qsl(query, keep_blank_values=True))
    allowed = [] if database.in_a_file else sorted({"user", "password", *database.parameters})
    if unknown := [name for name in found if name not in allowed]:
        hints = " ".join(filter(None, (near(name, allowed) for name in unknown)))
        known = ", ".join(allowed) or "none"
        raise ValueError(f"unknown parameter {', '.join(map(repr, unknown))}; allowed: {known}. {hints}".rstrip())
    return found
