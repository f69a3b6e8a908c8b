"""csv-spectrum, a public collection of awkward CSV files, through the three routes."""

import json
import os
from pathlib import Path

import pytest

from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.errors import DataError
from lumos_dagster.values import RunContext
from lumos_dagster_tests.suites.routes import Route, read, straight

SUITES = Path(os.environ.get("LUMOS_SUITES") or Path(__file__).parents[3] / "shared" / "suites")
SPECTRUM = sorted((SUITES / "csv-spectrum" / "csvs").glob("*.csv"))


@pytest.fixture(params=SPECTRUM or [None], ids=lambda path: path.stem if path else "absent")
def original(request: pytest.FixtureRequest) -> Path:
    """One file of the collection."""
    if request.param is None:
        pytest.skip(f"THE PUBLIC TEST DATA IS NOT THERE: set LUMOS_SUITES ({SUITES} has no csv-spectrum)")
    return Path(request.param)


def test_every_file_comes_back(original: Path, route: Route, tmp_path: Path, run: RunContext) -> None:
    crlf = original.stem.endswith("_crlf")  # stored with LF, see the README of the suites
    source = tmp_path / original.name
    source.write_bytes(_ended(original.read_bytes(), crlf))
    expected = json.loads(original.parent.with_name("json").joinpath(f"{original.stem}.json").read_text())
    if original.stem == "location_coordinates":  # faulty at its source: quotes within unquoted fields
        with pytest.raises(DataError, match=r"location_coordinates\.csv, line 2, byte \d+"):
            route(source)
        return

    out = route(source)

    found = read(run, CsvExtractor, {"file_path": str(out)}).to_pylist()
    expected = [{key: _ended(text.encode(), crlf).decode() for key, text in row.items()} for row in expected]
    assert [{key: value or "" for key, value in row.items()} for row in found] == expected
    assert read(run, CsvExtractor, {"file_path": str(source)}).to_pylist() == found
    assert straight(run)(out).read_bytes() == out.read_bytes()


def _ended(text: bytes, crlf: bool) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if crlf else text
