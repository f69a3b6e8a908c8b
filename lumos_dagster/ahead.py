"""Items made ready by a thread, in their order, while those before them are being used."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, TypeVar

_MOST = 2
"""Items that wait at a time: enough to keep both sides at work, and few enough for large ones."""
_PAUSE_SECONDS = 0.01

Item = TypeVar("Item")


@dataclass
class _End:
    error: BaseException | None = None


@contextmanager
def ahead(items: Iterator[Item], end: Callable[[], None] = lambda: None) -> Iterator[Iterator[Item]]:
    """The same items; what making one of them raises comes in its place.

    When the block ends before the items do, `end` is called to break what the thread is waiting for, and the thread
    ends with the item that it is at.
    """
    queue: Queue[Any] = Queue(_MOST)
    left, done = Event(), Event()

    def fill() -> None:
        last = _End()
        try:
            for item in items:
                queue.put(item)
                if left.is_set():
                    break
        except BaseException as error:
            last.error = error
        done.set()
        queue.put(last)

    thread = Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield _taken(queue)
    finally:
        left.set()
        if not done.is_set():
            end()
        while thread.is_alive():  # a full queue must not hold it up
            with suppress(Empty):
                queue.get_nowait()
            thread.join(_PAUSE_SECONDS)


def _taken(queue: "Queue[Any]") -> Iterator[Any]:
    while not isinstance(item := queue.get(), _End):
        yield item
    if item.error is not None:
        raise item.error
