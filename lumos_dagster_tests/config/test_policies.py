"""What the job says holds for an entry that says nothing else."""

import pytest

from lumos_dagster.config.model import Retry
from lumos_dagster_tests.config.parts import ONE, entry, job, parse


@pytest.mark.parametrize(
    ("dag", "own", "job_retry", "own_retry"),
    [
        ("", "", Retry(), None),
        ("dag: {max_retries: 2, retry_delay_seconds: 5}", "", Retry(2, 5), None),
        ("dag: {failure_policy: retry}", "", Retry(3), None),
        ("dag: {failure_policy: retry, max_retries: 0}", "", Retry(0), None),
        ("dag: {failure_policy: retry}", ", failure_policy: fail", Retry(3), Retry(0)),
        ("dag: {retry_delay_seconds: 5}", ", failure_policy: retry", Retry(0, 5), Retry(3, 5)),
        ("dag: {max_retries: 2, retry_delay_seconds: 5}", ", retry: {count: 1}", Retry(2, 5), Retry(1, 5)),
        ("dag: {max_retries: 2, retry_delay_seconds: 5}", ", retry: {delay: 0.5, jitter: true}", Retry(2, 5), Retry(2, 0.5, jitter=True)),
        ("dag: {max_retries: 2}", ", retry: {count: 0}", Retry(2), Retry(0)),
    ],
)  # fmt: skip
def test_the_entrys_own_retry_wins(dag: str, own: str, job_retry: Retry, own_retry: Retry | None) -> None:
    found = parse(job(ONE % own, dag))

    assert found.retry == job_retry
    assert entry(found, "a").retry == own_retry


@pytest.mark.parametrize(
    ("written", "meant"), [("null", "null"), ("reject", "reject"), ("", "null"), ("skip", "skip"), ("'null'", "null")]
)
def test_on_error_null_is_the_word(written: str, meant: str) -> None:
    text = ONE % f", on_error: {written}"
    found = parse(job(text, f"dag:\n  on_error: {written}\n"))

    assert found.on_error == meant
    assert entry(found, "a").on_error == meant


@pytest.mark.parametrize(
    ("written", "meant"), [("0", "0"), ("'7'", "7"), ("1%", "1%"), ("0.5%", "0.5%"), ("100%", "100%")]
)
def test_max_rejects_is_a_count_or_a_share(written: str, meant: str) -> None:
    found = parse(job(ONE % f", max_rejects: {written}", f"dag: {{max_rejects: {written}}}"))

    assert found.max_rejects == meant
    assert entry(found, "a").max_rejects == meant


def test_what_becomes_of_bad_rows_may_stand_among_the_options() -> None:
    text = ONE.replace("file_path: a", "file_path: a, on_error: null, max_rejects: 5")
    found = entry(parse(job(text % ", on_error: skip, max_rejects: 1%")), "a")

    assert (found.on_error, found.max_rejects) == ("null", "5")
    assert found.options == {"file_path": "a"}
