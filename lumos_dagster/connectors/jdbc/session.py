"""One connection and its transaction: opened and closed with a block, broken on cancel, its errors turned into ours."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Event, Thread
from typing import Any

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.errors import LumosError

_WAIT_SECONDS = 300.0
_PAUSE_SECONDS = 0.05


@contextmanager
def connect(address: Address, task: Task) -> Iterator[Any]:
    """The driver's own connection; what was not committed when the block ends is rolled back.

    A driver's error comes out as TransientError, TerminalError or DataError, without the password;
    where the attempt was cancelled, the reason for that comes out instead.
    """
    with translated(address, task), closing(address.open()) as raw:
        try:
            with _interrupted(address, raw, task):
                yield raw
        finally:
            with suppress(address.database.driver_errors()):  # a dead connection must not hide why the block ended
                raw.rollback()


@contextmanager
def translated(address: Address, task: Task) -> Iterator[None]:
    """Turn what a driver raises in the block into our own errors."""
    try:
        yield
    except address.database.driver_errors() as error:
        if task.cancellation.error is not None:
            raise task.cancellation.error from None
        raise _without_password(address, address.database.error(error)) from None


def waiting(task: Task, seconds: float = _WAIT_SECONDS) -> Iterator[None]:
    """Goes on as long as it is worth waiting for somebody else; ends at once when the attempt is cancelled."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        task.cancellation.check()
        yield
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def _interrupted(address: Address, raw: Any, task: Task) -> Iterator[None]:
    """Break what blocks once the attempt is cancelled, again and again: a call may begin just after the first try."""
    told, ended = Event(), Event()

    def break_calls() -> None:
        told.wait()
        while not ended.is_set():
            with suppress(address.database.driver_errors()):
                address.database.cancel(raw, address.open)
            ended.wait(_PAUSE_SECONDS)

    breaker = Thread(target=break_calls, daemon=True)
    breaker.start()
    try:
        with task.cancellation.interrupting(told.set):
            yield
    finally:
        ended.set()
        told.set()
        breaker.join()


def _without_password(address: Address, error: LumosError) -> LumosError:
    text = str(error)
    if address.password:
        text = text.replace(address.password, "***")
    return type(error)(f"{' '.join(address.place)}: {text}")
