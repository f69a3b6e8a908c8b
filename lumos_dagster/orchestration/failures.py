"""The one place where an error of the work becomes what Dagster does about it: a retry, a failure, or a note of one."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError
from dagster_shared.error import SerializableErrorInfo

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
        if not isinstance(error, _NOT_RETRIED) and retry_number < retry.count:
            bare = _bare(error)
            raise _AskedAgain(  # type: ignore[no-untyped-call]
                max_retries=retry.count,
                seconds_to_wait=retry.wait(retry_number),
                user_code_process_error_infos=[_shown(str(bare), type(bare).__name__)],
            ) from None
        raise _final(op, error, retry_number) from None
    except Exception as error:
        if retry_number < retry.count:
            wait = retry.wait(retry_number)
            raise dg.RetryRequested(max_retries=retry.count, seconds_to_wait=wait) from error
        kind = type(error).__name__
        raise dg.Failure(
            _named(op, f"{kind}: {error}"), metadata=_facts(kind, retry_number), allow_retries=False
        ) from error


def refused(work: Callable[[], T], op: str) -> T:
    """Run `work` for somebody else's op: what cannot pass is a Failure, the rest is up to that op's RetryPolicy."""
    try:
        return work()
    except _NOT_RETRIED as error:
        raise _final(op, error, 0) from None
    except LumosError as error:
        raise _bare(error) from None


def _bare(error: LumosError) -> LumosError:
    """The error's words alone: a user needs no stack trace, what a driver said first may hold a secret, and what the
    trace holds (a connection of DuckDB) would live as long as the run.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class _Told(DagsterUserCodeProcessError, dg.Failure):
    """A failure whose words say all.

    Dagster shows with every error the trace of the frames that it came through; of an error that was another
    process's it shows what it is given.
    """


class _AskedAgain(DagsterUserCodeProcessError, dg.RetryRequested):
    """The same of a request to be tried again."""


def told(text: str, kind: str, metadata: Mapping[str, Any] | None = None) -> dg.Failure:
    """A failure that is shown as these words and no trace; it is not tried again."""
    return _Told(  # type: ignore[no-untyped-call]
        description=text, metadata=metadata, allow_retries=False, user_code_process_error_infos=[_shown(text, kind)]
    )


def _final(op: str, error: LumosError, retry_number: int) -> dg.Failure:
    bare = _bare(error)
    kind = type(bare).__name__
    return told(_named(op, str(bare)), kind, _facts(kind, retry_number))


def _shown(text: str, kind: str) -> SerializableErrorInfo:
    return SerializableErrorInfo(f"{text}\n", [], kind)


def _named(op: str, text: str) -> str:
    return text if text.startswith(("jobs.", f"{op}:")) or op in text.split(":", 1)[0] else f"{op}: {text}"


def _facts(kind: str, retry_number: int) -> dict[str, Any]:
    return {"error": kind, "attempts": retry_number + 1}


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
