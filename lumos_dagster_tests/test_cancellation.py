"""An attempt that is told to stop does, also while a call blocks."""

import threading

import pytest

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import Interrupted, TimeoutExceeded


def test_the_first_reason_stays() -> None:
    cancellation = Cancellation()
    cancellation.check()

    cancellation.cancel(TimeoutExceeded("2 seconds"))
    cancellation.cancel(Interrupted("told to end"))

    with pytest.raises(TimeoutExceeded, match="2 seconds"):
        cancellation.check()


def test_a_blocking_call_is_broken() -> None:
    cancellation = Cancellation()
    broken = threading.Event()

    with cancellation.interrupting(broken.set):
        threading.Timer(0.01, cancellation.cancel, [Interrupted("told to end")]).start()
        assert broken.wait(10)


def test_a_call_that_is_over_is_left_alone() -> None:
    cancellation = Cancellation()
    broken = threading.Event()
    with cancellation.interrupting(broken.set):
        pass

    cancellation.cancel(Interrupted("told to end"))

    assert not broken.is_set()


def test_no_call_is_begun_after_the_end() -> None:
    cancellation = Cancellation()
    cancellation.cancel(Interrupted("told to end"))

    with pytest.raises(Interrupted), cancellation.interrupting(lambda: None):
        pytest.fail("the block was entered")
