"""Options by JSON Schema: checked, shown and hidden like those of a built-in component."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from lumos_dagster.config import json_schema, parse_job
from lumos_dagster.config.model import Entry
from lumos_dagster.errors import ConfigError
from lumos_dagster.interface import Component, is_secret
from lumos_dagster.orchestration.options import config_schema
from lumos_dagster.plugins.component import foreign_class
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.installed import Installed
from lumos_dagster.plugins.manifest import read_manifest
from lumos_dagster_tests.config.parts import SmallCatalog

PROPERTIES: dict[str, Any] = {
    "field": {"type": "string", "minLength": 1, "description": "Which column."},
    "digits": {"type": "integer", "minimum": 0, "default": 7},
    "mode": {"enum": ["near", "far"], "default": "near"},
    "token": {"type": "string", "format": "password"},
    "names": {"type": "array", "items": {"type": "string"}},
    "class": {"type": ["number", "null"]},
    "box": {"type": "object", "properties": {"west": {"type": "number"}}, "required": ["west"]},
    "more": {"type": "object", "additionalProperties": {"type": "boolean"}},
    "shape": {"$ref": "#/$defs/shape"},
}
SCHEMA = {
    "properties": PROPERTIES,
    "required": ["field"],
    "$defs": {"shape": {"anyOf": [{"const": "dot"}, {"type": "integer"}]}},
}

JOB = """
version: 1
name: Geo
jobs:
  a: {type: extractor, extractor_type: csv, options: {file_path: a}}
  b: {type: loader, loader_type: geo, depends_on: a, options: %s}
"""


@pytest.fixture
def geo() -> type[Component]:
    return made(SCHEMA)


GRANTED = Rights(secrets=("token",))


def made(schema: dict[str, Any], granted: Rights = GRANTED) -> type[Component]:
    raw = {
        "name": "geo",
        "driver": "wasm",
        "entry": "geo.wasm",
        "kinds": ["loader"],
        "options": schema,
        "grants": {"secrets": "*"},
    }
    return foreign_class(
        Installed(read_manifest(raw, "plugin.toml"), Path("plugins"), "geo", granted=granted), "loader"
    )


def catalog(geo: type[Component]) -> SmallCatalog:
    return SmallCatalog(loaders={"geo": geo})  # type: ignore[dict-item]


def test_options_are_read_with_their_defaults(geo: type[Component]) -> None:
    found = geo.model_validate({"field": "a", "class": 1.5, "box": {"west": 2}, "more": {"x": True}, "shape": "dot"})

    told = found.model_dump(by_alias=True, exclude_none=True)
    assert told == {
        "field": "a", "digits": 7, "mode": "near", "class": 1.5, "box": {"west": 2.0}, "more": {"x": True},
        "shape": "dot",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{}", "the required key 'field' is missing"),
        ("{field: ''}", "options.field: must not be empty"),
        ("{field: a, digit: 3}", "unknown key 'digit'; allowed: field, digits, mode, token, names, class, box, more, shape. Did you mean 'digits'?"),
        ("{field: a, digits: -1}", "options.digits: must be greater than or equal to 0; found -1"),
        ("{field: a, digits: x}", "options.digits: must be a whole number; found 'x'"),
        ("{field: a, mode: nea}", "allowed: near, far. Did you mean 'near'?"),
        ("{field: a, names: [[]]}", "options.names.0: must be text"),
        ("{field: a, box: {}}", "options.box: the required key 'west' is missing"),
        ("{field: a, box: {west: 1, est: 2}}", "options.box.est: unknown key 'est'; allowed: west"),
        ("{field: a, more: {x: 3}}", "options.more.x: must be true or false"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_job_is_told_like_any(geo: type[Component], options: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_job(JOB % options, "geo.yaml", catalog(geo))

    assert said in str(raised.value)
    assert str(raised.value).startswith("geo.yaml:6:")


def test_the_job_files_schema_has_them(geo: type[Component]) -> None:
    schema = json_schema(catalog(geo))
    check = jsonschema.Draft202012Validator(schema)

    def job(options: dict[str, Any]) -> dict[str, Any]:
        load = {"type": "loader", "loader_type": "geo", "options": options, "depends_on": "a"}
        read = {"type": "extractor", "extractor_type": "csv", "options": {"file_path": "a"}}
        return {"version": 1, "name": "x", "jobs": {"a": read, "b": load}}

    assert check.is_valid(job({"field": "a", "class": None, "digits": "${N}"}))
    assert not check.is_valid(job({"field": "a", "digits": -1}))
    assert "Which column." in json.dumps(schema)


def test_the_launchpad_has_their_types(geo: type[Component]) -> None:
    fields = config_schema(Entry("b", "loader", "geo", geo, {"field": "a", "token": "sesame"}))

    assert fields["digits"].default_value == 7
    assert fields["digits"].config_type.given_name == "Int"
    assert fields["field"].description == "Which column."
    assert not fields["token"].default_provided, "a secret stands in no launchpad"


def test_a_secret_is_hidden(geo: type[Component]) -> None:
    assert is_secret(geo.model_fields["token"])
    assert "sesame" not in repr(geo.model_validate({"field": "a", "token": "sesame"}))
    with pytest.raises(ValidationError) as raised:
        geo.model_validate({"field": "a", "token": ["sesame"]})
    assert "sesame" not in str(raised.value)


def test_a_secret_that_a_guest_may_not_see_is_refused_before_anything_runs() -> None:
    with pytest.raises(
        ConfigError, match=r"options\.token: the plugin geo was not granted to see this secret"
    ) as raised:
        parse_job(JOB % "{field: a, token: sesame}", "geo.yaml", catalog(made(SCHEMA, Rights())))
    assert "sesame" not in str(raised.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "object", "properties": {"b": {"type": "string", "writeOnly": True}}}}},
        {"properties": {"a": {"type": "array", "items": {"type": "string", "format": "password"}}}},
    ],
)
def test_a_secret_that_nobody_could_hide_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="a secret must be an option of its own"):
        made(schema)


def test_a_schema_within_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply, or within itself"):
        made(
            {
                "properties": {"a": {"$ref": "#/$defs/a"}},
                "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}},
            }
        )


def test_without_a_schema_anything_goes() -> None:
    assert made({}).model_validate({"whatever": [1, {"x": 2}]}).model_extra == {"whatever": [1, {"x": 2}]}


@pytest.mark.parametrize("name", ["model_config", "json", "_x", "copy", "a b", "3d", "use", "write", "größe", "kind"])
def test_an_option_may_have_any_name(name: str) -> None:
    found = made({"properties": {name: {"type": "integer"}}, "required": [name]})

    assert list(found.option_names()) == [name]
    assert found.model_validate({name: 5}).model_dump(by_alias=True) == {name: 5}
