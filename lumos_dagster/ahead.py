"""Items made ready by threads, in their order, while those before them are being used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Any, Protocol, TypeVar

import pyarrow as pa

_MOST = 3
"""Items that are made or wait: enough to keep both sides at work, and few enough for large ones."""
_MOST_WORKERS = 8
_MOST_HELD = 64 << 20
"""Bytes of rows that are worked on at the same time, or one batch that alone has more."""

Item = TypeVar("Item")
Made = TypeVar("Made")


class Sized(Protocol):
    """What takes memory."""

    @property
    def nbytes(self) -> int:
        """How much, in bytes."""


Work = TypeVar("Work", bound=Sized)


@dataclass(frozen=True)
class Numbered:
    """A batch, and the number of its first row, from 1."""

    batch: pa.RecordBatch
    first: int

    @property
    def nbytes(self) -> int:
        """The batch's."""
        return self.batch.nbytes


@dataclass
class _End:
    error: BaseException | None = None


@contextmanager
def ahead(items: Iterator[Item], end: Callable[[], None] = lambda: None, most: int = _MOST) -> Iterator[Iterator[Item]]:
    """The same items, `most` of which are made, or wait, while one is used; what making one raises comes in its place.

    When the block ends before the items do, `end` is called to break what the thread is waiting for, and the thread
    ends with the item that it is at.
    """
    ready: SimpleQueue[Any] = SimpleQueue()
    free = Semaphore(most)
    left, done = Event(), Event()

    def fill() -> None:
        last = _End()
        try:
            while free.acquire() and not left.is_set():
                ready.put(next(items))
        except StopIteration:
            pass
        except BaseException as error:
            last.error = error
        done.set()
        ready.put(last)

    thread = Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield _taken(ready, free)
    finally:
        left.set()
        if not done.is_set():
            end()
        free.release()
        thread.join()


def _taken(ready: "SimpleQueue[Any]", free: Semaphore) -> Iterator[Any]:
    while not isinstance(item := ready.get(), _End):
        free.release()
        yield item
    if item.error is not None:
        raise item.error


def most_workers() -> int:
    """How many threads may work at the same time."""
    return min(pa.cpu_count(), _MOST_WORKERS)


def numbered(rows: Iterable[pa.RecordBatch]) -> Iterator[Numbered]:
    """Each batch with the number of its first row."""
    first = 1
    for batch in rows:
        yield Numbered(batch, first)
        first += batch.num_rows


def in_order(items: Iterable[Work], work: Callable[[Work], Made], workers: int = 0) -> Iterator[Made]:
    """What `work` makes of each item; of several at the same time.

    `workers` is how many at most, by default as many as there are cores. What `work` raises comes in its place, and so
    does what making an item raises.
    """
    workers, source, held = workers or most_workers(), iter(items), 0
    failed: Exception | None = None
    with ThreadPoolExecutor(workers, "work") as pool:
        under_way: deque[tuple[int, Future[Made]]] = deque()
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception as error:  # raised behind what came before it
                failed = error
                break
            size = item.nbytes
            while under_way and (len(under_way) > workers or held + size > _MOST_HELD):
                gone, done = under_way.popleft()
                held -= gone
                yield done.result()
            held += size
            under_way.append((size, pool.submit(work, item)))
            del item
        while under_way:
            yield under_way.popleft()[1].result()
    if failed is not None:
        raise failed
