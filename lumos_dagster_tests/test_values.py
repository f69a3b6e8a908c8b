"""Placeholders: found when the file is read, resolved when the op runs, each missing one named."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from lumos_dagster.errors import ConfigError
from lumos_dagster.values import RunContext, check_placeholder, has_placeholder, placeholders, resolve

ENV = {"NAME": "Ann", "EMPTY": ""}


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("${NAME}", "Ann"),
        ("Hello ${NAME}, $JOB", "Hello Ann, job"),
        ("${MISSING:-nobody}", "nobody"),
        ("${MISSING:-}", ""),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("$NOW", datetime(2026, 3, 4, 5, 6, 7, 89, UTC)),
        ("${NOW}", datetime(2026, 3, 4, 5, 6, 7, 89, UTC)),
        ("at $NOW", "at 2026-03-04T05:06:07.000089+00:00"),
        ("$TODAY", date(2026, 3, 4)),
        ("out/$TODAY.csv", "out/2026-03-04.csv"),
        ("$RUN_ID", "run-1"),
        ("$NOWHERE and $5", "$NOWHERE and $5"),
        ("$${NAME} costs $$5", "${NAME} costs $$5"),
        ("${vars.count}", 3),
        ("${vars.count} times", "3 times"),
        ("${vars.yes}/${vars.nothing}/", "true//"),
        ("${vars.path}", "data/Ann"),
        ("${sensor.path}", "in/a.csv"),
        ("${partition} from ${partition_start}", "2026-03 from 2026-03-01"),
        (5, 5),
        (None, None),
        (["${NAME}", {"a": ["$JOB"]}], ["Ann", {"a": ["job"]}]),
    ],
)
def test_what_a_value_becomes(run: RunContext, written: Any, resolved: Any) -> None:
    run = replace(
        run,
        vars={"count": 3, "yes": True, "nothing": None, "path": "data/${NAME}"},
        sensor={"path": "in/a.csv"},
        partition={"partition": "2026-03", "partition_start": "2026-03-01"},
    )

    assert resolve(written, run, env=ENV) == resolved


def test_what_is_resolved_is_not_looked_into_again(run: RunContext) -> None:
    assert resolve("${TEXT}", run, env={"TEXT": "${NAME} $NOW"}) == "${NAME} $NOW"


def test_all_missing_values_are_named_at_once_with_their_paths(run: RunContext) -> None:
    options = {"a": "${ONE}", "b": ["x ${TWO}", "${vars.three}"], "c": "${partition}", "d": "${sensor.path}"}

    with pytest.raises(ConfigError) as caught:
        resolve(options, run, "jobs.x.options", env={})

    found = {problem.path: problem.message for problem in caught.value.problems}
    assert found == {
        "jobs.x.options.a": "the environment variable ONE is not set",
        "jobs.x.options.b.0": "the environment variable TWO is not set",
        "jobs.x.options.b.1": "${vars.three} has no value in this run",
        "jobs.x.options.c": "${partition} has no value: this run has no partition",
        "jobs.x.options.d": "${sensor.path} has no value in this run",
    }


def test_a_variable_that_refers_to_itself_ends(run: RunContext) -> None:
    with pytest.raises(ConfigError, match="refers to itself"):
        resolve("${vars.a}", replace(run, vars={"a": "x${vars.b}", "b": "${vars.a}"}), env={})


def test_an_error_shows_no_value(run: RunContext) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("${PASSWORD}${GONE}", run, env={"PASSWORD": "hunter2"})

    assert "hunter2" not in str(caught.value)


def test_placeholders_are_found_wherever_they_are() -> None:
    value = {"a": "x ${ONE} $NOW", "b": ["${vars.two}", 3, "$${no}"]}

    assert list(placeholders(value)) == ["ONE", "NOW", "vars.two"]
    assert has_placeholder(value)
    assert not has_placeholder({"a": ["$${no}", 3, None, "$5"]})


@pytest.mark.parametrize("name", ["NAME", "NAME:-a default, with ${", "vars.known", "sensor.path", "partition"])
def test_good_placeholders(name: str) -> None:
    assert check_placeholder(name, {"known": 1}) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vars.knwon", "not under vars: (known: known); did you mean ${vars.known}?"),
        ("NAME-x", "${NAME-x} is not a placeholder; allowed: ${NAME}, ${NAME:-default}"),
        ("", "${} is not a placeholder"),
        ("sensor.", "is not a placeholder"),
    ],
)
def test_bad_placeholders(name: str, message: str) -> None:
    assert message in str(check_placeholder(name, {"known": 1}))
