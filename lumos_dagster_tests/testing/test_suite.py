"""A right connector passes, each wrong one fails where it should, and waivers cannot hide either."""

from dataclasses import replace
from pathlib import Path

import pytest

from lumos_dagster.interface import Extractor, Loader
from lumos_dagster.testing import CHECKS, SECRET, ConnectorConformance, Harness, verify
from lumos_dagster_tests.testing import arrow_file

NAMED = {check.__name__: check for check in CHECKS}

NO_KEYS = (
    "upserts",
    "updates",
    "upserts_the_last_of_a_key",
    "upserts_stream_after_stream",
    "upserts_rows_without_a_column",
)
NO_GROWTH = ("takes_a_new_column", "appends_rows_without_a_column")


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    unreachable = {"path": "x", "server": f"tcp://ann:{SECRET}@nowhere"}
    return Harness(
        arrow_file.ArrowExtractor,
        arrow_file.ArrowLoader,
        target=lambda name: {"path": str(tmp_path / name)},
        source=lambda name, schema: {"path": str(tmp_path / name)},
        modes={"append": {"mode": "append"}, "replace": {"mode": "replace"}},
        missing_source={"path": str(tmp_path / "missing")},
        missing_target={"path": str(tmp_path / "missing" / "file")},
        unreachable_source=unreachable,
        unreachable_target=unreachable,
        drivers=("wave",),
        small_batches={},
        waivers=dict.fromkeys(NO_KEYS, "a file has no keys") | dict.fromkeys(NO_GROWTH, "a file has one schema"),
    )


class TestArrowFile(ConnectorConformance):
    @pytest.fixture
    def harness(self, harness: Harness) -> Harness:
        return harness


@pytest.mark.parametrize(
    ("faulty", "check", "message"),
    [
        (arrow_file.EmptyTextIsNull, "keeps_null_apart_from_empty", "'a', row 0: None, not ''"),
        (arrow_file.EmptyTextIsNull, "keeps_awkward_text", None),
        (arrow_file.Doubling, "repeats_without_doubling", "15 rows, not 9"),
        (arrow_file.Doubling, "retries_after_a_failure", None),
        (arrow_file.Narrowing, "says_what_becomes_of_a_new_column", "no LumosError was raised"),
        (arrow_file.Narrowing, "takes_a_column_that_begins_within_the_stream", "columns"),
        (arrow_file.Collecting, "writes_in_bounded_memory", "40 of 40 batches"),
        (arrow_file.Miscounting, "accounts_for_every_row", "accounts for 5 of 6 rows"),
        (arrow_file.LeavingOpen, "closes_at_the_end", "left open"),
        (arrow_file.Talkative, "shows_no_secret", "Talkative shows the password"),
        (arrow_file.Talkative, "says_that_the_source_is_missing", "TransientError, not TerminalError"),
    ],
)
def test_a_fault_is_found(harness: Harness, faulty: type[Loader | Extractor], check: str, message: str | None) -> None:
    kind = "loader" if issubclass(faulty, Loader) else "extractor"
    broken = replace(harness, **{kind: faulty})

    if message is None:
        verify(broken, NAMED[check])
        return
    with pytest.raises(AssertionError, match=message):
        verify(broken, NAMED[check])


def test_what_is_not_declared_fails(harness: Harness) -> None:
    with pytest.raises(AssertionError, match="declares no unreachable_source"):
        verify(replace(harness, unreachable_source=None), NAMED["says_that_nobody_answers"])
    with pytest.raises(AssertionError, match="declares no mode append"):
        verify(replace(harness, modes={}), NAMED["appends"])


def test_a_waiver_is_held_strictly(harness: Harness) -> None:
    with pytest.raises(AssertionError, match="the waiver of appends is stale"):
        verify(replace(harness, waivers={"appends": "no reason at all"}), NAMED["appends"])
    with pytest.raises(AssertionError, match="waivers for checks that do not exist: flies"):
        verify(replace(harness, waivers={"flies": "it has no wings"}), NAMED["appends"])
    with pytest.raises(AssertionError, match="gives no reason"):
        verify(replace(harness, waivers={"upserts": " "}), NAMED["upserts"])
