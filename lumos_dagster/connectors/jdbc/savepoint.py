"""Savepoints: try something within the transaction, and take it back where the database refuses the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.errors import DataError


@dataclass
class Tried:
    """What came of it."""

    refusal: DataError | None = None
    """Why the database refused the data; what was done since the savepoint is then taken back."""


@contextmanager
def savepoint(database: Database, raw: Any, stays: bool = True) -> Iterator[Tried]:
    """Do the block, or as if it had never been: where the database refuses its data, or where it is not to stay.

    One that stays may stand inside one that does not. A database without savepoints raises its error, which ends the
    load, whatever `on_error` says.
    """
    forms, tried = database.forms, Tried()
    if not forms.savepoint:
        yield tried
        return
    name = "lumos_try" if stays else "lumos_trial"
    database.execute(raw, forms.savepoint.format(name=name))
    try:
        yield tried
    except database.driver_errors() as error:
        reason = database.error(error)
        if not isinstance(reason, DataError):
            raise
        tried.refusal = reason
    for statement in forms.release if stays and not tried.refusal else forms.rollback_to:
        database.execute(raw, statement.format(name=name))
