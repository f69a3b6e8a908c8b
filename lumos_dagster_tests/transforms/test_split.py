"""The `split` transformer: each row to the first output whose condition holds, and none lost."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.catalog import Catalog
from lumos_dagster.combination import OUTPUT, Pick
from lumos_dagster.config import parse_job
from lumos_dagster.errors import ConfigError
from lumos_dagster.plan import make_plan
from lumos_dagster.relation import Relation
from lumos_dagster.transforms.split import Split
from lumos_dagster_tests.transforms.running import transform
from lumos_dagster_tests.transforms.tables import SCHEMA, random_table


def parts(options: Mapping[str, Any], table: pa.Table, names: list[str]) -> tuple[dict[str, list[Any]], Any]:
    """The places of the rows that each output gets."""
    result = transform(Split, options, table, batch=7)
    picked = {name: Relation.of(result.table).pipe(Pick(name)).to_table() for name in names}
    assert all(part.schema == table.schema for part in picked.values())
    return {name: part["place"].to_pylist() for name, part in picked.items()}, result.count


@pytest.mark.parametrize("otherwise", [None, "rest"])
def test_each_row_goes_to_the_first_output_that_it_matches(otherwise: str | None) -> None:
    table = random_table(3, 100)
    options = {"outputs": {"small": "key < 2", "low": "size < 0", "never": "key > 99"}, "otherwise": otherwise}
    expected: dict[str, list[int]] = {"small": [], "low": [], "never": [], "rest": []}
    for row in table.to_pylist():
        small = row["key"] is not None and row["key"] < 2
        low = row["size"] is not None and row["size"] < 0
        expected["small" if small else "low" if low else "rest"].append(row["place"])
    rest = expected["rest"] if otherwise else expected.pop("rest")

    found, count = parts(options, table, list(expected))

    assert found == expected
    assert count.filtered == (0 if otherwise else len(rest))
    assert count.notes == {f"rows for {name}": len(rows) for name, rows in expected.items() if rows}


def test_no_rows_keep_their_columns() -> None:
    assert parts({"outputs": {"a": "key = 1"}}, SCHEMA.empty_table(), ["a"])[0] == {"a": []}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": {"a": "kye = 1"}}, r"options\.outputs\.a: .*there is no column 'kye'"),
        ({"outputs": {"a": "key +"}}, r"options\.outputs: "),
        ({"outputs": {"a b": "key = 1"}}, "an output's name is made of letters"),
        ({"outputs": {}}, r"options\.outputs: must not be empty"),
        ({"outputs": {"a": "key = 1"}, "otherwise": "a"}, "otherwise names 'a', which has a condition"),
    ],
)
def test_mistakes_are_told_before_the_first_row(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        transform(Split, options, random_table(1))


def test_rows_that_are_parted_already_are_told() -> None:
    with pytest.raises(ConfigError, match=f"there is already a column '{OUTPUT}'"):
        transform(Split, {"outputs": {"a": "x = 1"}}, pa.table({"x": [1], OUTPUT: ["a"]}))


JOB = """
version: 1
name: Parts
jobs:
  read: {type: extractor, extractor_type: csv, options: {file_path: a.csv}}
  part: {type: transformer, transformer_type: split, options: {outputs: {a: "x = '1'"}, otherwise: rest}}
  keep_a: {type: loader, loader_type: memory, options: {key: a}, depends_on: %s}
  keep_rest: {type: loader, loader_type: memory, options: {key: rest}, depends_on: %s}
  other: {type: extractor, extractor_type: csv, options: {file_path: b.csv}, depends_on: part}
  keep_other: {type: loader, loader_type: memory, options: {key: other}, depends_on: %s}
dag: {dependencies: {part: [read]}}
"""


def planned(*parents: str) -> Any:
    return make_plan(parse_job(JOB % parents, "jobs/parts.yaml", Catalog()))


def test_children_name_the_output_that_they_take() -> None:
    plan = planned("part.a", "[other, part.rest, part.a]", "other")
    assert [take.output for take in plan.nodes["keep_rest",].takes] == ["", "rest", "a"]
    assert plan.nodes["keep_rest",].parents == (("other",), ("part",))
    assert plan.nodes["other",].after == (("part",),)


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        (("part.a", "part.b", "other"), r"jobs\.keep_rest: 'part' has no output 'b'; allowed: part\.a, part\.rest"),
        (
            ("part.a", "part", "other"),
            r"'part' parts its rows into outputs; allowed: part\.a, part\.rest. Name the one",
        ),
        (("part.a", "part.a", "other"), r"options\.outputs: nobody takes the output 'rest'. Name part\.rest among"),
        (("part.a", "part.rest", "other.a"), r"jobs\.keep_other: 'other' has no outputs to choose from"),
        (("part.a", "part.rest", "other."), r"unknown job 'other\.'"),
        (("part.a", "part.rest", "nobody.a"), r"unknown job 'nobody'"),
    ],
)
def test_an_output_that_is_not_there_or_that_nobody_takes_is_told(parents: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        planned(*parents)
