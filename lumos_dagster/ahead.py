"""Items made ready by threads, in their order, while those before them are being used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, TypeVar

import pyarrow as pa

_MOST = 2
"""Items that wait at a time: enough to keep both sides at work, and few enough for large ones."""
_PAUSE_SECONDS = 0.01
_MOST_WORKERS = 8
_MOST_HELD = 64 << 20
"""Bytes of rows that are worked on at the same time, or one batch that alone has more."""

Item = TypeVar("Item")
Made = TypeVar("Made")


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


def in_order(
    rows: Iterable[pa.RecordBatch], work: Callable[[pa.RecordBatch, int], Made], workers: int = 0
) -> Iterator[Made]:
    """What `work` makes of each batch and the number of its first row, from 1; of several at the same time.

    `workers` is how many at most, by default as many as there are cores. What `work` raises comes in its place.
    """
    workers = workers or min(pa.cpu_count(), _MOST_WORKERS)
    first, held = 1, 0
    with ThreadPoolExecutor(workers, "work") as pool:
        under_way: deque[tuple[int, Future[Made]]] = deque()
        for batch in rows:
            size = batch.nbytes
            while under_way and (len(under_way) > workers or held + size > _MOST_HELD):
                gone, done = under_way.popleft()
                held -= gone
                yield done.result()
            held += size
            under_way.append((size, pool.submit(work, batch, first)))
            first += batch.num_rows
            del batch
        while under_way:
            yield under_way.popleft()[1].result()
