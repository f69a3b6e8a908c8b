"""Every mistake is told with its place, what was found, what is allowed and what is near; all of a file at once."""

import pytest

from lumos_dagster_tests.config import broken_entries, broken_files
from lumos_dagster_tests.config.broken_entries import DB
from lumos_dagster_tests.config.broken_files import A, Expected
from lumos_dagster_tests.config.parts import mistakes

TABLE = {**broken_files.TABLE, **broken_entries.TABLE}


@pytest.mark.parametrize(("text", "expected"), TABLE.values(), ids=TABLE)
def test_every_mistake_is_told_with_its_place(text: str, expected: list[Expected]) -> None:
    found = [str(problem) for problem in mistakes(text)]

    told = [
        ": ".join(part for part in (f"jobs/orders.yaml:{line}:{column}", path, rest) if part)
        for line, column, path, rest in expected
    ]
    assert found == told


def test_problems_carry_their_parts_for_programs() -> None:
    (problem,) = mistakes(A.replace("extractor_type: csv", "extractor_type: cvs"))

    assert problem.file == "jobs/orders.yaml"
    assert (problem.line, problem.column, problem.path) == (4, 24, "jobs.a.extractor_type")
    assert (problem.allowed, problem.hint) == (("csv",), "Did you mean 'csv'?")


def test_no_secret_stands_in_a_message() -> None:
    text = f"{A}  b: {{type: loader, loader_type: jdbc, depends_on: a, options: {{connection_string: {{password: s3cret}}, batch_size: x}}}}"

    text += "\nsensors: [{type: sql, query: x, connection_string: [s3cret]}]"

    assert len(mistakes(text)) == 3
    assert "s3cret" not in "".join(str(problem) for problem in mistakes(text))


def test_what_a_placeholder_stands_for_is_not_judged() -> None:
    text = f"{A}  b: {{type: loader, loader_type: jdbc, depends_on: a, options: {{{DB}, batch_size: '${{SIZE}}', load_mode: '${{M}}', x: 1}}}}"

    assert [problem.path for problem in mistakes(text)] == ["jobs.b.options.x"]


def test_a_file_that_cannot_be_parsed_gives_the_syntax_mistake_alone() -> None:
    (problem,) = mistakes(f"{A}  b: {{type: loader\nfoo: 1")

    assert problem.place == "jobs/orders.yaml:6:4"
    assert "begins on line 5" in problem.message
