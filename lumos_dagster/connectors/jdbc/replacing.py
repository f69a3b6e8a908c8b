"""Replacing a table: a new one is filled beside it, and takes its place at the end."""

import re
from hashlib import sha256
from typing import Any

from lumos_dagster.connectors.jdbc.forms import in_text
from lumos_dagster.connectors.jdbc.query import TOKEN, trimmed
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.errors import TerminalError

_PREFIX = "_lumos_new_"
_HEAD = re.compile(
    r"""\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:[`"\[]?\w+[`"\]]?\s*\.\s*)*
        (?P<name>"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^]]+\]|\w+)(?=\s*\()""",
    re.IGNORECASE | re.VERBOSE,
)


def beside(table: Table, load_key: str) -> Table:
    """The table that this load fills, named after both so that no other load can take it for its own."""
    return Table(table.database, table.schema, f"{_prefix(table)}{load_key[:16]}", table.key)


def drop_leftovers(raw: Any, table: Table) -> None:
    """Remove what killed loads into the same table have left."""
    for name in table.database.table_names(raw, table.schema):
        if name.startswith(_prefix(table)):
            Table(table.database, table.schema, name).drop(raw)


def swap(raw: Any, table: Table, new: Table) -> None:
    """Put the new table in the place of the old one."""
    quote = table.database.quote
    there = bool(table.columns(raw))
    forms = table.database.forms
    for statement in forms.swap if there else forms.move:
        old = quote(table.schema, f"{_prefix(table)}old")
        filled = statement.format(
            target=table.quoted, beside=new.quoted, name=quote(table.name), old=old,
            beside_text=in_text(new.quoted), name_text=in_text(table.name), old_name=quote(f"{_prefix(table)}old"),
        )  # fmt: skip
        table.database.execute(raw, filled)


def renamed_ddl(ddl: str, new: Table) -> str:
    """The user's CREATE TABLE for the table beside. TerminalError where it is not one plain statement."""
    statement = trimmed(ddl)
    head = _HEAD.match(statement)
    if not head or any(match["end"] for match in TOKEN.finditer(statement)):
        raise TerminalError(
            "table_schema must be one CREATE TABLE statement here, as this database can only replace a table by one "
            "that is made under another name first"
        )
    return f"CREATE TABLE {new.quoted}{statement[head.end() :]}"


def _prefix(table: Table) -> str:
    return f"{_PREFIX}{sha256(table.name.encode()).hexdigest()[:12]}_"
