"""A component's options held against its class: spellings, values and placeholders."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Protocol

from pydantic import ValidationError

from lumos_dagster.config.findings import placeholders_in
from lumos_dagster.config.model import Entry, Kind
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import Combiner, Component, Extractor, Loader, Transformer
from lumos_dagster.problems import near, problems_of
from lumos_dagster.values import Raw, check_placeholder, placeholders


class Components(Protocol):
    """The component classes by type name, and why some plugins give none, as the catalogue has them."""

    @property
    def extractors(self) -> Mapping[str, type[Extractor]]: ...  # noqa: D102
    @property
    def transformers(self) -> Mapping[str, type[Transformer | Combiner]]: ...  # noqa: D102
    @property
    def loaders(self) -> Mapping[str, type[Loader]]: ...  # noqa: D102
    @property
    def unusable(self) -> Mapping[str, str]: ...  # noqa: D102


def of_kind(components: Components, kind: Kind) -> Mapping[str, type[Component]]:
    """The component classes of one kind, by type."""
    match kind:
        case "extractor":
            return components.extractors
        case "transformer":
            return components.transformers
        case "loader":
            return components.loaders


def find_component(components: Components, kind: Kind, name: str, path: str) -> type[Component] | Problem:
    """The component of that type, or what is wrong with the type."""
    known = of_kind(components, kind)
    if name in known:
        return known[name]
    bare = name.removeprefix("plugin:")
    if why := components.unusable.get(bare) or components.unusable.get("") if bare not in known else "":
        return Problem(f"the plugin {bare!r} cannot be used: {why}", path=path)
    if bare == name:
        return Problem(f"unknown {kind} type {name!r}", path=path, allowed=tuple(known), hint=near(name, known))
    plugins = tuple(other for other in known if other.startswith("plugin:"))
    hint = f"{bare!r} is built in: write it without plugin:." if bare in known else near(name, plugins)
    none = "" if plugins else "; none is installed"
    return Problem(f"no plugin gives the {kind} {bare!r}{none}", path=path, allowed=plugins, hint=hint)


def stands_beside(component: type[Component]) -> frozenset[str]:
    """What may be written among the options though it is the entry's: how bad rows are taken."""
    known = {name for first, others in component.option_names().items() for name in (first, *others)}
    return frozenset(("on_error", "max_rejects")) - known


def check_options(
    component: type[Component], raw: Mapping[str, Raw], path: str, variables: Mapping[str, Raw]
) -> tuple[dict[str, Raw], list[Problem]]:
    """The options under their first spelling, and every mistake that can be told before placeholders are resolved."""
    written, problems = first_spellings(component, raw, path)
    try:
        component.model_validate({key: raw[key] for key in written.values()})
    except ValidationError as error:
        problems += problems_of(error, raw, path)
    problems += placeholder_problems(raw, path, variables)
    return {name: raw[key] for name, key in written.items()}, problems


def read_entry(components: Components, kind: Kind, type_: str, name: str, options: Mapping[str, Raw]) -> Entry:
    """One entry without a job file around it. Raises ConfigError with every mistake in its type and options."""
    path = f"jobs.{name}"
    found = find_component(components, kind, type_, f"{path}.{kind}_type")
    if isinstance(found, Problem):
        raise ConfigError(found)
    checked, problems = check_options(found, options, f"{path}.options", {})
    if problems:
        raise ConfigError(problems)
    return Entry(name, kind, type_, found, checked)


def first_spellings(
    component: type[Component], raw: Mapping[str, Raw], path: str
) -> tuple[dict[str, str], list[Problem]]:
    """The first spelling of each option that is written, with the one that it is written in."""
    first = {other: name for name, others in component.option_names().items() for other in others}
    written: dict[str, str] = {}
    problems: list[Problem] = []
    for key in raw:
        other = written.setdefault(first.get(key, key), key)
        if other != key:
            message = f"{other!r} and {key!r} are two spellings of one option"
            problems.append(Problem(message, path=f"{path}.{key}", hint="Keep one of them."))
    return written, problems


def placeholder_problems(raw: Raw, path: str, variables: Mapping[str, Raw]) -> list[Problem]:
    """Every placeholder that can never have a value."""
    checked = ((where, check_placeholder(name, variables)) for where, _, name in placeholders_in(raw, path))
    return [Problem(message, path=where) for where, message in checked if message]


def variable_problems(variables: Mapping[str, Raw]) -> list[Problem]:
    """Every mistake in `vars`: a variable may use others, but not, by any way round, itself."""
    problems = placeholder_problems(variables, "vars", variables)
    uses = {
        name: [used.removeprefix("vars.") for used in placeholders(value) if used.startswith("vars.")]
        for name, value in variables.items()
    }
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        way = " -> ".join(reversed(error.args[1]))
        problems.append(Problem(f"the variables use each other in a circle: {way}", path=f"vars.{error.args[1][0]}"))
    return problems
