"""Looks for known passwords in all that a Dagster instance keeps, writes and answers."""

import base64
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

import psycopg
from psycopg import sql

Found = tuple[str, bytes]
"""Where something stands, and what."""


def leaks(found: Iterable[Found], secrets: Mapping[str, str]) -> list[str]:
    """Each place in which a secret stands: as it is, as in a URL, in base64, or within something compressed."""
    forms = {(name, form) for name, secret in secrets.items() for form in _forms(secret)}
    return sorted(
        {
            f"{name} in {where}"
            for where, text in found
            for layer in _layers(text)
            for name, form in forms
            if form in layer
        }
    )


def files(folder: Path) -> Iterator[Found]:
    """Every file below a folder, databases and logs included."""
    for path in folder.rglob("*"):
        if path.is_file():
            with suppress(FileNotFoundError):
                yield str(path), path.read_bytes()


def tables(url: str) -> Iterator[Found]:
    """Every value of every table of a PostgreSQL database."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_schema not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in names:
            for row in connection.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table))):
                for value in row:
                    yield f"table {table}", value if isinstance(value, bytes) else str(value).encode()


def _forms(secret: str) -> Iterator[bytes]:
    yield from (form.encode() for form in {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]})
    for before in range(
        3
    ):  # base64 writes three bytes as four letters; only whole ones do not depend on what is around
        start = -before % 3
        whole = secret.encode()[start : len(secret.encode()) - (len(secret.encode()) - start) % 3]
        yield base64.b64encode(whole)


def _layers(text: bytes) -> Iterator[bytes]:
    yield text
    at = text.find(b"\x78")  # what begins what zlib has made
    while at >= 0:
        with suppress(zlib.error):
            yield zlib.decompressobj().decompress(text[at:], 1 << 24)
        at = text.find(b"\x78", at + 1)
