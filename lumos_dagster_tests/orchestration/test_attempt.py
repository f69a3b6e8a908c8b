"""An attempt under a clock: what ends it, and what is raised."""

import threading

import pytest

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import DataError, TimeoutExceeded, TransientError
from lumos_dagster.orchestration import attempt as attempts
from lumos_dagster.orchestration.attempt import run_attempt


def test_the_works_result_and_its_error_come_through() -> None:
    assert run_attempt(lambda: 42, Cancellation(), "op", timeout=None) == 42
    with pytest.raises(DataError, match="row 3"):
        run_attempt(lambda: (_ for _ in ()).throw(DataError("row 3")), Cancellation(), "op", timeout=5)


def test_a_blocking_call_is_broken_by_its_own_cancel_and_the_timeout_is_what_is_raised() -> None:
    cancellation, broken = Cancellation(), threading.Event()

    def work() -> None:
        with cancellation.interrupting(broken.set):
            assert broken.wait(60)
        raise TransientError("the server says: cancelled")

    with pytest.raises(TimeoutExceeded, match=r"^load: timeout: ran longer than 0\.1 seconds$"):
        run_attempt(work, cancellation, "load", timeout=0.1)
    assert broken.is_set()


def test_work_that_cannot_be_broken_is_left_behind_and_cannot_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_GRACE_SECONDS", 0.05)
    cancellation, stuck, ended = Cancellation(), threading.Event(), threading.Event()
    committed = []

    def work() -> None:
        try:
            stuck.wait(60)
            cancellation.check()
            committed.append(True)
        finally:
            ended.set()

    with pytest.raises(TimeoutExceeded):
        run_attempt(work, cancellation, "load", timeout=0.05)
    stuck.set()
    assert ended.wait(60)
    assert committed == []


def test_an_interrupt_of_the_waiting_thread_stops_the_work() -> None:
    cancellation, broken = Cancellation(), threading.Event()

    def work() -> None:
        with cancellation.interrupting(broken.set):
            broken.wait(60)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attempts, "PROGRESS_SECONDS", 0.01)
        with pytest.raises(KeyboardInterrupt):
            run_attempt(work, cancellation, "load", timeout=None, progress=interrupt)
    assert broken.is_set()
    assert cancellation.error is not None


def test_what_is_cancelled_before_it_starts_does_not_start() -> None:
    cancellation = Cancellation()
    cancellation.cancel(TimeoutExceeded("too late"))
    with pytest.raises(TimeoutExceeded, match="too late"), cancellation.interrupting(lambda: None):
        pytest.fail("the blocking call was made")


def test_a_long_op_tells_its_progress_soon_and_does_not_flood_the_run() -> None:
    told = [0.0]
    while told[-1] < 24 * 3600:
        told.append(told[-1] + attempts.pause_after(told[-1]))
    assert told[1:4] == [5.0, 10.0, 15.0]
    assert len(told) < 200
