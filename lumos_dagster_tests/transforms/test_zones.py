"""Time zones: what a clock shows, and times that are not on it once."""

from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import DataError
from lumos_dagster_tests.transforms.running import operate
from lumos_dagster_tests.transforms.test_dates import reformatted


@pytest.mark.parametrize(
    ("text", "options", "found"),
    [
        ("2024-07-01T00:00:00Z", {"timezone": "Asia/Shanghai"}, "2024-07-01 08:00 +08:00"),
        ("2024-07-01T00:00:00+02:00", {"timezone": "America/New_York"}, "2024-06-30 18:00 -04:00"),
        ("2024-07-01T00:00:00+02:00", {}, "2024-07-01 00:00 +02:00"),
        ("2024-07-01T00:00:00-0330", {}, "2024-07-01 00:00 -03:30"),
        ("2024-07-01T00:00:00", {"timezone": "Asia/Shanghai"}, "2024-07-01 00:00 +08:00"),
        ("2026-03-29T02:30:00", {"timezone": "Europe/Berlin"}, None),
        ("2026-10-25T02:30:00", {"timezone": "Europe/Berlin"}, None),
        ("2026-10-25T02:30:00+01:00", {"timezone": "Europe/Berlin"}, "2026-10-25 02:30 +01:00"),
        ("2024-07-01T00:00:00+25:00", {}, None),
        ("2024-07-01T00:00:00+01:60", {}, None),
    ],
)
def test_time_zones(text: str, options: dict[str, Any], found: str | None) -> None:
    assert reformatted(text, format="YYYY-MM-DD HH:mm Z", **options) == found


def test_a_time_shown_twice_is_what_the_clock_shows_where_no_instant_is_asked_for() -> None:
    assert reformatted("2026-10-25T02:30:00", format="DD/MM HH:mm", timezone="Europe/Berlin") == "25/10 02:30"
    assert reformatted("2026-03-29T02:30:00", format="DD/MM HH:mm", timezone="Europe/Berlin") is None


def test_a_day_whose_midnight_a_zone_skips_is_a_day_there_too() -> None:
    forms = {"from_format": "DD/MM/YYYY", "to_format": "YYYY-MM-DD", "timezone": "America/Sao_Paulo"}
    assert reformatted("04/11/2018", **forms) == "2018-11-04"
    assert reformatted("04/11/2018", **{**forms, "to_format": "YYYY-MM-DD Z"}) is None


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
@pytest.mark.parametrize("form", [None, "YYYY-MM-DD HH:mm"])
def test_a_time_that_is_not_on_the_clocks_once_is_bad_with_a_format_and_without(day: str, form: str | None) -> None:
    operation = {"operation": "convert_field", "field": "x", "to_type": "timestamptz", "timezone": "Europe/Berlin"}
    table = pa.table({"x": [f"{day} 02:30"]})
    with pytest.raises(DataError, match="no such time in Europe/Berlin, whose clocks skip it or show it twice"):
        operate({**operation, "format": form} if form else operation, table)
    with pytest.raises(DataError, match="is not timestamptz"):
        operate({**operation, "format": form} if form else operation, pa.table({"x": ["2026-02-30 02:30"]}))
    written = {"operation": "format_date", "field": "x", "format": "Z", "timezone": "Europe/Berlin"}
    with pytest.raises(DataError, match="no such time in Europe/Berlin"):
        operate({**written, "from_format": form} if form else written, table)
