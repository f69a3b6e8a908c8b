"""Items that a thread makes ready: in order, few at a time, errors in their place, and no thread left behind."""

import threading
from collections.abc import Iterator

import pytest

from lumos_dagster.ahead import ahead


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
