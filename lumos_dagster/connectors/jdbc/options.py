"""What the jdbc extractor and loader share: where the database is, and how a table is named."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr, field_validator

from lumos_dagster.connectors.jdbc.address import Address, parse_address
from lumos_dagster.interface import Component, ConnectionString
from lumos_dagster.values import Raw

_PART = re.compile(r'"((?:[^"]|"")+)"|([^".][^.]*)')


class JdbcOptions(Component):
    """Which database, and as whom."""

    connection_string: ConnectionString
    """`jdbc:postgresql://host:5432/db`, `jdbc:sqlite:/path/file.db`, the same without `jdbc:`, or a SQLAlchemy URL."""
    username: str | None = None
    """Instead of the one in the connection string."""
    password: SecretStr | None = None
    """Instead of the one in the connection string; best as `${NAME}`."""

    @field_validator("connection_string")
    @classmethod
    def _is_known(cls, value: SecretStr) -> SecretStr:
        parse_address(value.get_secret_value())
        return value

    @classmethod
    def technology(cls, options: Mapping[str, Raw]) -> str:
        """The icon of the database, where the connection string tells it without the environment."""
        try:
            return parse_address(str(options.get("connection_string", ""))).database.technology
        except ValueError:
            return ""

    def address(self) -> Address:
        """The database's address, password included."""
        password = self.password.get_secret_value() if self.password else None
        return parse_address(self.connection_string.get_secret_value(), self.username, password)


def split_name(table_name: str) -> tuple[str | None, str]:
    """Schema and table of `schema.table`; a name with a dot in it is written in double quotes: `"a.b"`."""
    parts: list[str] = []
    at = 0
    while match := _PART.match(table_name, at):
        parts.append(match[1].replace('""', '"') if match[1] else match[2])
        at = match.end() + 1
        if match.end() == len(table_name):
            return (None, parts[0]) if len(parts) == 1 else (parts[0], ".".join(parts[1:]))
        if table_name[match.end()] != ".":
            break
    return None, table_name


def location_of(address: Address, table_name: str | None) -> str:
    """What reading or writing locks: a whole SQLite file, else one table; "" for a query on a server."""
    if address.database.in_a_file:
        return f"{address.database.name}:{Path(str(address.url.database)).resolve()}"
    if not table_name:
        return ""
    schema, table = split_name(table_name)
    return ":".join((*address.place, schema or "", table))
