"""A cron line is judged as Dagster will judge it."""

import dagster as dg
import pytest

from lumos_dagster.config.cron import cron_mistake

GOOD = [
    "0 2 * * *", "*/5 * * * *", "5/10 * * * *", "0,15,30-45/5 0-6 * * *", "0 0 1 jan *", "0 0 * JAN-mar MON-fri", "0 0 * * 7",
    "0 0 ? * *", "0 0 L * *", "0 0 * * 5#3", "0 0 * * mon#1", "0 0 * * L5", "0 22-2 * * *", "@hourly", "@daily", "@midnight",
    "@weekly", "@monthly", "@yearly", "@annually",
]  # fmt: skip
BAD = [
    "", "*", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * foo *",
    "0 0 * * 8", "*/0 * * * *", "1,, * * * *", "-1 * * * *", "a-b * * * *", "0 0 30 2 *", "0 0 31 feb *", "@reboot", "@every 5m",
    "daily", "五 * * * *", "² * * * *", "0 0 * * 1#6",
]  # fmt: skip


@pytest.mark.parametrize("line", GOOD)
def test_what_dagster_takes_is_taken(line: str) -> None:
    assert cron_mistake(line) == ""
    _schedule(line)


@pytest.mark.parametrize("line", BAD)
def test_what_dagster_refuses_is_refused(line: str) -> None:
    assert cron_mistake(line)
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        _schedule(line)


def _schedule(line: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(name="s", job_name="j", cron_schedule=line)
