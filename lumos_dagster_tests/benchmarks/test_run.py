"""The benchmark measures whole processes, checks what they loaded, and tells of what fails."""

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.data import Rows
from benchmarks.measure import FailedError, run
from benchmarks.run import measured
from benchmarks.works import Bench, Work, data_path, job_of

SUMS = (2, Decimal("3.50"), 3, 2)


def test_what_a_command_takes(tmp_path: Path) -> None:
    taken = run([sys.executable, "-c", "x = bytearray(64 << 20); sum(range(3_000_000))"], tmp_path, {})
    assert 0 < taken.cpu <= taken.wall * 2
    assert taken.peak > 64


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="no such thing"):
        run([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path, {})


@pytest.mark.parametrize(
    ("lost", "said"),
    [pytest.param(0, "data path 1.1, ", marks=pytest.mark.slow), (1, "not measured: other rows: (1, ")],
)
def test_a_contender_that_loses_a_row_gets_no_figure(lost: int, said: str, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("a\n1\n2\n")
    bench = Bench(Rows(source, SUMS), tmp_path, "", "", tmp_path)
    work = Work(
        "CSV to CSV",
        lambda _: job_of(("csv", {"file_path": str(source)}), ("csv", {"file_path": str(bench.out)})),
        "cp",
        lambda bench: ["cp", str(source), str(bench.out)],
        lambda bench: bench.out.unlink(missing_ok=True),
        lambda bench: (bench.out.read_text().count("\n") - 1 - lost, *SUMS[1:]),
        data_path(1.1),
    )
    assert said in measured(work, bench, 1, ())
