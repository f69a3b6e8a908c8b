"""Every row is accounted for, bad ones too."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from lumos_dagster.accounting import BadRow, Book, Count
from lumos_dagster.errors import DataError


def bad(count: int) -> Iterator[BadRow]:
    return (
        BadRow(number, "price", "x", "is not a number", {"id": number, "price": "x"}) for number in range(1, count + 1)
    )


def work(book: Book, how_many: int, max_rejects: str = "100", rows_in: int = 0, error: str = "") -> None:
    """A stage that rejects rows, and may fail for another reason."""
    with book.task("convert", "reject", max_rejects) as task:
        task.count.rows_in = rows_in
        task.bad_rows(bad(how_many), how_many)
        if error:
            raise DataError(error)


def rejects(book: Book) -> list[dict[str, object]]:
    files = Path(book.run.storage, "rejects", book.run.run_id).glob("*.jsonl")
    return [json.loads(line) for file in sorted(files) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    "count",
    [
        Count(),
        Count(made=10, rows_out=8, rejected=1, skipped=1),
        Count(rows_in=10, rows_out=5, filtered=2, merged=1, unmatched=2),
        Count(rows_in=3, made=4, rows_out=7),
        Count(rows_in=1, rows_out=1, nulled=5),
    ],
)
def test_rows_that_balance(count: Count) -> None:
    assert count.imbalance() == ""


@pytest.mark.parametrize("count", [Count(rows_in=1), Count(rows_out=1), Count(made=2, rows_out=2, filtered=1)])
def test_rows_that_do_not_balance_fail_the_op(book: Book, count: Count) -> None:
    with book.task("load") as task:
        task.count = count

    with pytest.raises(DataError, match=r"the rows do not balance.*load: "):
        book.check()


def test_fail_says_which_row_and_why(book: Book) -> None:
    with (
        pytest.raises(DataError, match=r"convert: row 1: field 'price': value 'x': is not a number.*set on_error"),
        book.task("convert") as task,
    ):
        task.bad_rows(bad(3), 3)


def test_null_and_skip_are_counted(book: Book) -> None:
    with book.task("convert", "null") as task:
        task.bad_rows((), 2)
        task.bad_rows((), 3, "skip")

    assert (task.count.nulled, task.count.skipped) == (2, 3)
    assert rejects(book) == []


def test_rejects_are_kept_with_all_that_is_needed_to_mend_them(book: Book) -> None:
    with book.task("convert", "reject") as task:
        task.count.rows_in = 2
        task.bad_rows(bad(2), 2)

    assert task.count.rejected == 2
    kept = rejects(book)
    (told,) = {record.pop("at") for record in kept}
    assert str(told).endswith("+00:00")
    assert kept[1] == {
        "run": "run-1",
        "load": "run-1",
        "attempt": 0,
        "job": "job",
        "op": "convert",
        "number": 2,
        "field": "price",
        "value": "x",
        "reason": "is not a number",
        "row": {"id": 2, "price": "x"},
        "operation": "",
    }
    (file,) = Path(book.run.storage).rglob("*.jsonl")
    assert file.stat().st_mode & 0o777 == 0o600


def test_more_rejects_than_allowed_fail_the_op_and_are_still_kept(book: Book) -> None:
    with pytest.raises(
        DataError,
        match=r"3 rows were rejected, more than max_rejects 2 allows; see them .*lumos rejects show run-1 --op convert",
    ):
        work(book, 3, "2")

    assert len(rejects(book)) == 3


def test_a_share_of_rejects_is_held_against_all_rows(book: Book) -> None:
    work(book, 2, "10%", rows_in=20)

    with pytest.raises(DataError, match="more than max_rejects 10% allows"):
        work(book, 2, "10%", rows_in=19)


def test_how_many_more_may_be_rejected(book: Book) -> None:
    with book.task("convert", "reject", "29%") as task:
        task.count.rows_in = 100
        task.bad_rows(bad(9), 9)
        assert task.may_reject() == math.inf  # how many rows that is of depends on those to come
        task.saw_all()
        assert task.may_reject() == 20
    with book.task("load", "reject", "10") as task:
        task.bad_rows(bad(10), 10)
        assert task.may_reject() == 0
    with book.task("skipping", "skip", "10") as task:
        assert task.may_reject() == math.inf


def test_rejects_are_evidence_when_the_op_fails_for_another_reason(book: Book) -> None:
    with pytest.raises(DataError, match="the target is full"):
        work(book, 1, error="the target is full")

    assert len(rejects(book)) == 1


def test_each_attempt_has_its_own_rejects(book: Book) -> None:
    for attempt in (0, 1):
        with Book(book.run, attempt).task("convert", "reject") as task:
            task.bad_rows(bad(1), 1)

    assert len(rejects(book)) == 2


def test_a_stage_is_timed_also_when_it_fails(book: Book) -> None:
    with pytest.raises(KeyError), book.task("load"):
        raise KeyError

    assert book.tasks["load"].count.seconds > 0


def test_a_long_value_is_cut_in_messages() -> None:
    assert len(str(BadRow(1, "text", "x" * 1000, "too long", {}))) < 150
