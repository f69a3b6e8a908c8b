"""A source that is read while its own place is written: the rows are kept first."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from lumos_dagster.accounting import Task
from lumos_dagster.interface import LoadResult
from lumos_dagster_tests.orchestration.parts import Book, Numbers, entry, job, run_job


class Somewhere(Numbers):
    """Tells by a file that its reading has come to an end."""

    folder: str
    place: str

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        with super().read(task) as rows:
            yield rows
        Path(self.folder, "read").touch()

    def location(self) -> str:
        return self.place


class Into(Book):
    """Tells whether the reading had ended when the writing began."""

    place: str

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        Path(self.folder, "seen").write_text(str(Path(self.folder, "read").exists()))
        return super().write(rows, task)

    def location(self) -> str:
        return self.place


@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [
        ("server:shop:t", "server:shop:t", True),
        ("server:shop", "server:shop:t", True),
        ("server:shop", "server:shop2:t", False),
        ("server:shop:t", "server:shop:t2", False),
        ("server:shop:t", "server:shop", False),
        ("", "server:shop:t", False),
        ("", "", False),
    ],
)
def test_rows_out_of_the_target_or_of_what_holds_it_are_read_to_the_end_first(
    source: str, target: str, kept: bool, folder: Path, instance: dg.DagsterInstance
) -> None:
    chain = (
        entry("extract", "extractor", Somewhere, options={"folder": str(folder), "place": source}),
        entry("load", "loader", Into, ["extract"], options={"folder": str(folder), "place": target}),
    )
    assert run_job(job(*chain, execution="streaming"), instance).success
    assert (folder / "seen").read_text() == str(kept)
    assert (folder / "load").read_text() == "0 1 2 3 4 5 6 7 8 9"
