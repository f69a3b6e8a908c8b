"""One attempt of an op under a clock: work in a thread of its own, so that it can be ended while a driver blocks."""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillRunning
from contextlib import suppress
from typing import TypeVar

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import Interrupted, LumosError, TimeoutExceeded

T = TypeVar("T")

_GRACE_SECONDS = 10.0
PROGRESS_SECONDS = 5.0


def run_attempt(
    work: Callable[[], T],
    cancellation: Cancellation,
    name: str,
    timeout: float | None,
    progress: Callable[[], None] = lambda: None,
) -> T:
    """Run `work` and give its result, calling `progress` now and then from the calling thread.

    After `timeout` seconds, or when this thread is interrupted, the work is cancelled: drivers' calls
    are broken and nothing more is committed. Raises TimeoutExceeded naming the op and its limit.
    """
    future: Future[T] = Future()
    threading.Thread(target=_into, args=(future, work), name=f"lumos {name}", daemon=True).start()
    begun = time.monotonic()
    deadline = None if timeout is None else begun + timeout
    try:
        while True:
            pause = pause_after(time.monotonic() - begun)
            left = math.inf if deadline is None else deadline - time.monotonic()
            if left <= 0:
                cancellation.cancel(TimeoutExceeded(f"{name}: timeout: ran longer than {timeout:g} seconds"))
                raise _ended(future, cancellation)
            try:
                return future.result(min(left, pause))
            except StillRunning:
                if future.done():
                    raise
                if left > pause:
                    progress()
    except LumosError:
        if cancellation.error is not None:
            raise cancellation.error from None
        raise
    except BaseException:
        if not future.done():
            cancellation.cancel(Interrupted(f"{name}: interrupted"))
            _ended(future, cancellation)
        raise


def pause_after(seconds: float) -> float:
    """How long to wait before progress is told again: longer and longer, so that a day makes some hundred lines."""
    return max(PROGRESS_SECONDS, seconds / 20)


def _into(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


def _ended(future: "Future[T]", cancellation: Cancellation) -> LumosError:
    """Give the cancelled work time to clean up. What still hangs then cannot commit: it checks before."""
    with suppress(StillRunning):
        future.exception(_GRACE_SECONDS)
    assert cancellation.error is not None  # noqa: S101 - set by the caller
    return cancellation.error
