"""Items that a thread makes ready: in order, few at a time, errors in their place, and no thread left behind."""

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest

from lumos_dagster.ahead import Numbered, ahead, in_order, numbered


def test_all_items_come_in_their_order() -> None:
    with ahead(iter(range(100))) as items:
        assert list(items) == list(range(100))


def test_they_are_made_in_another_thread_while_the_first_is_used() -> None:
    second = threading.Event()

    def made() -> Iterator[int]:
        yield threading.get_ident()
        second.set()
        yield 0

    with ahead(made()) as items:
        assert next(items) != threading.get_ident()
        assert second.wait(10)


def test_an_error_comes_behind_what_was_made_before_it() -> None:
    def made() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    with ahead(made()) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="the second"):
            next(items)


def test_few_are_made_before_they_are_asked_for_and_none_after_the_block() -> None:
    made = []

    def endless() -> Iterator[int]:
        for number in range(1_000_000):
            made.append(number)
            yield number

    before = set(threading.enumerate())
    with ahead(endless()) as items:
        assert next(items) == 0
    assert set(threading.enumerate()) <= before
    assert len(made) < 10


def test_no_more_is_made_beside_the_one_that_is_used_than_was_said() -> None:
    second, third = threading.Event(), threading.Event()

    def made() -> Iterator[int]:
        yield 0
        second.set()
        yield 1
        third.set()
        yield 2

    with ahead(made(), most=1) as items:
        assert next(items) == 0
        assert second.wait(10)
        assert not third.wait(0.2)
        assert list(items) == [1, 2]


def test_a_thread_that_waits_is_told_when_nobody_takes_any_more() -> None:
    told = threading.Event()

    def made() -> Iterator[int]:
        yield 0
        told.wait()

    with ahead(made(), told.set) as items:
        assert next(items) == 0
    assert told.is_set()


def test_nothing_is_broken_where_all_were_taken() -> None:
    told = threading.Event()
    for _ in range(200):
        with ahead(iter([1]), told.set) as items:
            assert list(items) == [1]
    assert not told.is_set()


def _batches(*sizes: int) -> Iterator[pa.RecordBatch]:
    return (pa.record_batch({"n": list(range(size))}) for size in sizes)


def test_several_batches_are_worked_on_at_the_same_time_and_come_in_their_order() -> None:
    second = threading.Event()

    def work(rows: Numbered) -> tuple[int, int, bool]:
        if rows.first > 1:
            second.set()
        return rows.first, rows.batch.num_rows, second.wait(10)

    assert list(in_order(numbered(_batches(3, 0, 2)), work, workers=2)) == [(1, 3, True), (4, 0, True), (4, 2, True)]


def test_what_one_of_them_raises_comes_behind_what_was_made_before_it() -> None:
    def work(rows: Numbered) -> int:
        if rows.first == 2:
            raise ValueError("the second")
        return rows.first

    made = in_order(numbered(_batches(1, 1, 1)), work, workers=2)
    assert next(made) == 1
    with pytest.raises(ValueError, match="the second"):
        next(made)


def test_what_making_one_of_them_raises_comes_behind_what_was_made_before_it() -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from _batches(3, 4)
        raise ValueError("the third")

    made = in_order(broken(), lambda batch: batch.num_rows, workers=2)
    assert [next(made), next(made)] == [3, 4]
    with pytest.raises(ValueError, match="the third"):
        next(made)


def test_few_large_batches_are_held_at_a_time() -> None:
    taken = []

    def large() -> Iterator[pa.RecordBatch]:
        for number in range(8):
            taken.append(number)
            yield pa.record_batch({"text": ["x" * (40 << 20)]})

    made = in_order(numbered(large()), lambda rows: rows.first, workers=8)
    assert next(made) == 1
    assert len(taken) == 2
    assert list(made) == list(range(2, 9))
