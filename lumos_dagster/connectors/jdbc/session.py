"""One connection and its transaction: opened and closed with a block, broken on cancel, its errors turned into ours."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.errors import LumosError

_WAIT_SECONDS = 300.0


@contextmanager
def connect(address: Address, task: Task) -> Iterator[Any]:
    """The driver's own connection; what was not committed when the block ends is rolled back.

    A driver's error comes out as TransientError, TerminalError or DataError, without the password;
    where the attempt was cancelled, the reason for that comes out instead.
    """
    database = address.database
    with translated(address, task):
        engine = sa.create_engine(address.url, poolclass=sa.NullPool, connect_args=database.connect_options())
        with engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            with task.cancellation.interrupting(lambda: database.cancel(raw)):
                try:
                    yield raw
                finally:
                    raw.rollback()


@contextmanager
def translated(address: Address, task: Task) -> Iterator[None]:
    """Turn what a driver raises in the block into our own errors."""
    errors = (sa.exc.SQLAlchemyError, address.database.driver_errors())
    try:
        yield
    except errors as error:
        if task.cancellation.error is not None:
            raise task.cancellation.error from None
        raise _without_password(address, address.database.error(getattr(error, "orig", None) or error)) from None


def waiting(task: Task, seconds: float = _WAIT_SECONDS) -> Iterator[None]:
    """Goes on as long as it is worth waiting for somebody else; ends at once when the attempt is cancelled."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        task.cancellation.check()
        yield


def _without_password(address: Address, error: LumosError) -> LumosError:
    text = str(error)
    if address.url.password:
        text = text.replace(str(address.url.password), "***")
    return type(error)(f"{' '.join(address.place)}: {text}")
