"""A mistake in the options is told by its path, what was found, what is allowed, and what was probably meant."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from lumos_dagster.interface import SecretStr, StrictModel
from lumos_dagster.problems import near, problems_of, unknown_key


class Nested(StrictModel):
    """An option of options."""

    depth: int = 0
    """How deep."""


class Options(StrictModel):
    """Some options."""

    mode: Literal["insert", "upsert"] = "insert"
    """How."""
    size: Annotated[int, Field(gt=0)] = 1
    """How many."""
    table: Annotated[str, Field(validation_alias=AliasChoices("table_name", "table"))] = ""
    """Where."""
    first: Annotated[str, Field(min_length=1)] = "a"
    """What comes first."""
    nested: Nested = Nested()
    """More."""
    names: tuple[str, ...] = ()
    """Which."""
    password: SecretStr | None = None
    """Nobody may see it."""


def told(options: dict[str, Any], model: type[BaseModel] = Options) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(options)
    return [str(problem) for problem in problems_of(caught.value, options, "jobs.x.options")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"mode": "upsrt"},
            "jobs.x.options.mode: not an allowed value; found 'upsrt'; allowed: insert, upsert. Did you mean 'upsert'?",
        ),
        ({"size": "many"}, "jobs.x.options.size: must be a whole number; found 'many'"),
        ({"first": ""}, "jobs.x.options.first: must not be empty; found ''"),
        ({"size": 0}, "jobs.x.options.size: must be greater than 0; found 0"),
        ({"nested": {"depth": []}}, "jobs.x.options.nested.depth: must be a whole number; found []"),
        ({"nested": 5}, "jobs.x.options.nested: must be a mapping; found 5"),
        ({"names": [["a"]]}, 'jobs.x.options.names.0: must be text; found ["a"]'),
        ({"nested": {"dpth": 1}}, "jobs.x.options.nested: unknown key 'dpth'; allowed: depth. Did you mean 'depth'?"),
    ],
)
def test_each_mistake_is_told(options: dict[str, Any], message: str) -> None:
    (text,) = told(options)

    assert text.replace(".dpth: ", ": ") == message


def test_an_unknown_key_is_told_with_every_spelling_that_is_known() -> None:
    (text,) = told({"tabel_name": "x"})

    assert "unknown key 'tabel_name'; allowed: mode, size, table_name, first, nested, names, password" in text
    assert "Did you mean 'table_name'?" in text


def test_all_mistakes_are_told_at_once() -> None:
    assert len(told({"mode": "x", "size": "y", "other": 1})) == 3


def test_a_value_that_is_not_known_yet_is_not_judged() -> None:
    assert told({"size": "${SIZE}", "mode": "${MODE}", "nested": {"depth": "x"}}) == [
        "jobs.x.options.nested.depth: must be a whole number; found 'x'"
    ]


def test_a_secret_is_never_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        Options.model_validate({"password": ["hunter2"]})

    (problem,) = problems_of(caught.value, {"password": ["hunter2"]})
    assert "hunter2" not in f"{problem!r} {caught.value}"
    assert problem.path == "password"


def test_a_missing_key_is_named() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        key: str

    assert told({}, Strict) == ["jobs.x.options: the required key 'key' is missing"]


def test_a_long_value_is_cut() -> None:
    (text,) = told({"size": "x" * 500})

    assert len(text) < 150


def test_near_words() -> None:
    assert near("usres", ["users", "orders"]) == "Did you mean 'users'?"
    assert near("xyz", ["users", "orders"]) == ""
    assert unknown_key("usres", ["users"], "jobs").hint == "Did you mean 'users'?"
