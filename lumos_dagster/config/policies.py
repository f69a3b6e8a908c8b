"""How often an op is tried again: what the entry says, before what the job says."""

from lumos_dagster.config.model import FailurePolicy, Retry
from lumos_dagster.config.sections import DagText, EntryText, RetryText

_UNDER_RETRY = 3
"""Extra attempts under `failure_policy: retry` where no number is given."""


def job_retry(dag: DagText, policy: FailurePolicy | None = None) -> Retry:
    """The retries of an entry that gives none of its own, under the job's policy or another."""
    none_given = _UNDER_RETRY if (policy or dag.failure_policy) == "retry" else 0
    return Retry(count=none_given if dag.max_retries is None else dag.max_retries, delay=dag.retry_delay_seconds)


def entry_retry(text: EntryText, dag: DagText) -> Retry | None:
    """The entry's own retries, what it leaves out taken from the job; None where the job's hold as they are."""
    if text.retry is None and text.failure_policy is None:
        return None
    own = text.retry or RetryText()
    job = job_retry(dag, text.failure_policy)
    return Retry(
        count=job.count if own.count is None else own.count,
        delay=job.delay if own.delay is None else own.delay,
        backoff_factor=own.backoff_factor,
        max_delay=own.max_delay,
        jitter=own.jitter,
    )
