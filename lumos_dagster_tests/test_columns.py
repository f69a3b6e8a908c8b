"""Columns known from the file alone: what is found before anything is read, and what is not taken for a mistake."""

from pathlib import Path

import pytest

from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import parse_job
from lumos_dagster.errors import ConfigError
from lumos_dagster.orchestration.work import check_known
from lumos_dagster.plan import make_plan

FILE = """
version: 1
name: Known
vars: {{factor: 2, secret: "${{SECRET}}"}}
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: in.csv, {read}}}}}
  more: {{type: extractor, extractor_type: memory, options: {{records: [{{id: "1", city: Rome, price: 2.5}}]}}}}
  clean:
    type: transformer
    transformer_type: {type}
    options: {options}
  write: {{type: loader, loader_type: console}}
  again: {{type: transformer, transformer_type: json, options: {{transforms: [{again}]}}}}
  show: {{type: loader, loader_type: console}}
dag: {{dependencies: {{clean: [{parents}], write: [clean], again: [write], show: [again]}}}}
"""
NAMED = "columns: [id, name, price], types: {price: 'decimal(10,2)'}"
GOOD = "{operation: trim, field: id}"
CHAIN = "{{transforms: [{}]}}".format


def mistakes(
    options: str, type_: str = "json", read: str = NAMED, parents: str = "read", again: str = GOOD
) -> list[tuple[str, str]]:
    text = FILE.format(read=read, type=type_, options=options, parents=parents, again=again)
    try:
        check_known(make_plan(parse_job(text, "known.yaml", project_catalog())))
    except ConfigError as error:
        return [(problem.path, problem.message) for problem in error.problems if problem.file and problem.line]
    return []


MISTAKES = {
    "{operation: rename_field, from: nam, to: title}": "transforms.0.from: rename_field: there is no column 'nam'",
    "{operation: rename_field, from: name, to: price}": "transforms.0.to: rename_field: there is already a column 'price'",
    "{operation: compute, field: more, expression: 'prise * 2'}": "transforms.0.expression: ",
    "{operation: drop, field: id}, {operation: trim, field: id}": "transforms.1.field: trim: there is no column 'id'",
    "{operation: add, field: n, value: $NOW}, {operation: trim, field: n}": "transforms.1.field: trim: ",
    "{operation: add, field: n, value: '${vars.factor}'}, {operation: trim, field: n}": "transforms.1.field: trim: ",
}


@pytest.mark.parametrize("operations", MISTAKES)
def test_a_missing_field_a_wrong_type_or_a_name_clash_is_found_where_it_stands(operations: str) -> None:
    ((path, message),) = mistakes(CHAIN(operations))
    assert f"{path}: {message}".startswith(f"jobs.clean.options.{MISTAKES[operations]}")


def test_the_columns_behind_a_transformer_and_a_loader_are_known_too() -> None:
    gone = CHAIN("{operation: rename, from: id, to: key}")
    assert mistakes(gone) == [("jobs.again.options.transforms.0.field", "trim: there is no column 'id'")]
    assert mistakes(gone, again="{operation: trim, field: key}") == []


def test_all_mistakes_at_once_and_none_that_follows_from_another() -> None:
    found = mistakes(CHAIN("{operation: trim, field: nam}"), again="{operation: trim, field: idd}")
    assert [path for path, _ in found] == ["jobs.clean.options.transforms.0.field"]


@pytest.mark.parametrize(
    ("type_", "options", "path"),
    [
        ("join", "{on: idd}", "options.on"),
        ("sql", "{query: select cty from more}", "options.query"),
        ("json", CHAIN(GOOD), ""),
    ],
)
def test_parents_apart_and_parents_united(type_: str, options: str, path: str) -> None:
    ((found, message),) = mistakes(options, type_, parents="read, more", read="columns: [id, city, price]")
    assert found == f"jobs.clean.{path}".rstrip(".")
    assert message if path else "column 'price' is string in one and double in another" in message


@pytest.mark.parametrize(
    "read",
    ["", "types: infer", "columns: [name], types: infer", "columns: ['${COLUMN}']", "types: {price: float}"],
)
def test_what_only_the_source_or_the_environment_can_tell_is_no_mistake(read: str) -> None:
    assert mistakes(CHAIN("{operation: trim, field: nam}"), read=read) == []


def test_an_option_that_the_environment_decides_hides_what_is_behind_it() -> None:
    secret = "{operation: hash, field: name, salt: '${vars.secret}'}, {operation: trim, field: nam}"
    assert mistakes(CHAIN(secret)) == []


def test_what_an_extractor_announces_is_what_it_gives(tmp_path: Path) -> None:
    assert mistakes("{function: 'os.path:join'}", "python", again="{operation: trim, field: x}") == []
    ((path, _),) = mistakes(CHAIN(GOOD), read="columns: [id, id]")
    assert path == "jobs.read.options"
