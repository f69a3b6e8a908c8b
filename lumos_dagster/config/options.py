"""A component's options held against its class: spellings, values and placeholders."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import ValidationError

from lumos_dagster.config.findings import placeholders_in
from lumos_dagster.config.model import Kind
from lumos_dagster.errors import Problem
from lumos_dagster.interface import Component, Extractor, Loader, Transformer
from lumos_dagster.problems import near, problems_of
from lumos_dagster.values import Raw, check_placeholder


class Components(Protocol):
    """The component classes by type name, as the catalogue has them."""

    @property
    def extractors(self) -> Mapping[str, type[Extractor]]: ...  # noqa: D102
    @property
    def transformers(self) -> Mapping[str, type[Transformer]]: ...  # noqa: D102
    @property
    def loaders(self) -> Mapping[str, type[Loader]]: ...  # noqa: D102


def of_kind(components: Components, kind: Kind) -> Mapping[str, type[Component]]:
    """The component classes of one kind."""
    return {
        "extractor": components.extractors,
        "transformer": components.transformers,
        "loader": components.loaders,
    }[kind]


def unknown_type(kind: Kind, name: str, known: Mapping[str, type[Component]], path: str) -> Problem:
    """The problem of a type that no component has."""
    bare = name.removeprefix("plugin:")
    if bare == name:
        return Problem(f"unknown {kind} type {name!r}", path=path, allowed=tuple(known), hint=near(name, known))
    plugins = tuple(other for other in known if other.startswith("plugin:"))
    hint = f"{bare!r} is built in: write it without plugin:." if bare in known else near(name, plugins)
    none = "" if plugins else "; no plugin is installed"
    return Problem(f"no plugin gives a {kind} {bare!r}{none}", path=path, allowed=plugins, hint=hint)


def check_options(
    component: type[Component], raw: Mapping[str, Raw], path: str, variables: Mapping[str, Raw]
) -> tuple[dict[str, Raw], list[Problem]]:
    """The options under their first spelling, and every mistake in them. What a placeholder stands for is not known yet."""
    first = {other: name for name, others in component.option_names().items() for other in (name, *others)}
    options: dict[str, Raw] = {}
    written: dict[str, str] = {}
    problems: list[Problem] = []
    for key, value in raw.items():
        name = first.get(key, key)
        if name in options:
            message = f"{written[name]!r} and {key!r} are two spellings of one option"
            problems.append(Problem(message, path=f"{path}.{key}", hint="Keep one of them."))
        else:
            options[name], written[name] = value, key
    try:
        component.model_validate({written[name]: value for name, value in options.items()})
    except ValidationError as error:
        problems += problems_of(error, raw, path)
    problems += placeholder_problems(raw, path, variables)
    return options, problems


def placeholder_problems(raw: Raw, path: str, variables: Mapping[str, Raw]) -> list[Problem]:
    """Every placeholder that can never have a value."""
    checked = ((where, check_placeholder(name, variables)) for where, _, name in placeholders_in(raw, path))
    return [Problem(message, path=where) for where, message in checked if message]
