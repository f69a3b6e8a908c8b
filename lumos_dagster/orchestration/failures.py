"""The one place where an error of the work becomes what Dagster does about it: a retry, a failure, or a note of one."""

from collections.abc import Callable
from typing import TypeVar

import dagster as dg

from lumos_dagster.config.model import Retry
from lumos_dagster.errors import ConfigError, DataError, Interrupted, LumosError, PluginError, TerminalError

T = TypeVar("T")

_NOT_RETRIED = (ConfigError, DataError, PluginError, TerminalError, Interrupted)


def guarded(work: Callable[[], T], retry: Retry, retry_number: int, op: str) -> T:
    """Run `work`; raise RetryRequested for what may pass while retries are left, else Failure.

    Errors that are not ours (a user's Python) may pass too: they are retried, and keep their trace.
    """
    try:
        return work()
    except LumosError as error:
        bare = _bare(error)
        if not isinstance(bare, _NOT_RETRIED) and retry_number < retry.count:
            raise _retry(retry, retry_number) from bare
        raise _failure(op, str(bare), type(bare).__name__, retry_number) from None
    except Exception as error:
        if retry_number < retry.count:
            raise _retry(retry, retry_number) from error
        raise _failure(op, f"{type(error).__name__}: {error}", type(error).__name__, retry_number) from error


def refused(work: Callable[[], T], op: str) -> T:
    """Run `work` for somebody else's op: what cannot pass is a Failure, the rest is up to that op's RetryPolicy."""
    try:
        return work()
    except _NOT_RETRIED as error:
        bare = _bare(error)
        raise _failure(op, str(bare), type(bare).__name__, 0) from None
    except LumosError as error:
        raise _bare(error) from None


def _retry(retry: Retry, retry_number: int) -> dg.RetryRequested:
    return dg.RetryRequested(max_retries=retry.count, seconds_to_wait=retry.wait(retry_number))


def _bare(error: LumosError) -> LumosError:
    """The error's words alone: a user needs no stack trace, what a driver said first may hold a secret, and what the
    trace holds (a connection of DuckDB) would live as long as the run.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _failure(op: str, text: str, kind: str, retry_number: int) -> dg.Failure:
    text = text if text.startswith(("jobs.", f"{op}:")) or op in text.split(":", 1)[0] else f"{op}: {text}"
    return dg.Failure(
        description=text,
        metadata={"error": kind, "attempts": retry_number + 1},
        allow_retries=False,
    )


def retry_policy(retry: Retry) -> dg.RetryPolicy | None:
    """The policy that the UI shows; waits that grow are asked for attempt by attempt (`guarded`)."""
    if retry.count == 0:
        return None
    return dg.RetryPolicy(
        max_retries=retry.count,
        delay=retry.delay,
        backoff=dg.Backoff.EXPONENTIAL if retry.backoff_factor > 1 else None,
        jitter=dg.Jitter.PLUS_MINUS if retry.jitter else None,
    )
