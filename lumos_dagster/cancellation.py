"""How an attempt is told to stop: a flag checked between batches, and hooks that break a blocking call."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from lumos_dagster.errors import LumosError


class Cancellation:
    """Shared by the thread that works and the one that watches the clock; every method is thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hooks: list[Callable[[], None]] = []
        self._error: LumosError | None = None

    @property
    def error(self) -> LumosError | None:
        """Why the attempt must stop, or None while it may go on."""
        return self._error

    def cancel(self, error: LumosError) -> None:
        """Stop the attempt with `error`: the first reason given stays, and every blocking call is broken."""
        with self._lock:
            self._error = self._error or error
            hooks = list(self._hooks)
        for hook in hooks:
            hook()

    def check(self) -> None:
        """Raise the reason to stop, if there is one. Called between batches and right before a commit."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def interrupting(self, hook: Callable[[], None]) -> Iterator[None]:
        """While the block runs, `hook` (a driver's own cancel, callable from any thread) breaks a blocking call."""
        with self._lock:
            self._hooks.append(hook)
        try:
            self.check()  # after the hook is known, or a cancel in between would break nothing
            yield
        finally:
            with self._lock:
                self._hooks.remove(hook)


class Cancellable(Protocol):
    """What is done under a cancellation: a task, or the book of several."""

    cancellation: Cancellation


C = TypeVar("C", bound=Cancellable)


@contextmanager
def stoppable(work: C) -> Iterator[C]:
    """The same with a cancellation of its own: it can be ended while the rest goes on, and ends with the rest, too."""
    own = copy.copy(work)
    own.cancellation = Cancellation()

    def pass_on() -> None:
        if work.cancellation.error is not None:
            own.cancellation.cancel(work.cancellation.error)

    with work.cancellation.interrupting(pass_on):
        yield own
