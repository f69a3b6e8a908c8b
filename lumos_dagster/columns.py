"""Columns that a job file alone tells, held against its transformers before anything is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa

from lumos_dagster.combination import OUTPUT
from lumos_dagster.errors import ConfigError, DataError, Problem
from lumos_dagster.interface import Combiner, Component, Extractor, Loader, Transformer, options_of
from lumos_dagster.plan import Node, Path, Plan, Take
from lumos_dagster.plugins.component import use_of
from lumos_dagster.relation import united_schema


def column_problems(plan: Plan, built: Mapping[Path, Component]) -> list[Problem]:
    """Every transformer that does not fit the columns that come to it, as far as they are known.

    `built` holds the ops whose options are known. Columns are known from an extractor that announces them, through
    every op behind it up to one whose own columns only its rows can tell.
    """
    problems: list[Problem] = []
    known: dict[Path, pa.Schema | None] = {}
    for path, node in plan.nodes.items():
        known[path] = None
        try:
            known[path] = _columns(node, built.get(path), known)
        except ConfigError as error:
            problems.extend(error.problems)
    return problems


def _columns(node: Node, component: Component | None, known: Mapping[Path, pa.Schema | None]) -> pa.Schema | None:
    if isinstance(component, Extractor):
        with options_of(node.name):
            return component.announced()
    inputs = {take.name: _taken(take, known) for take in node.takes}
    schemas = {name: schema for name, schema in inputs.items() if schema is not None}
    if len(schemas) < len(inputs):
        return None
    if isinstance(component, Loader):
        return _united(node, schemas)
    if component is None or use_of(type(component)) is not None:  # a plugin is asked when it runs, within its limits
        return None
    if isinstance(component, Combiner):
        given = schemas if component.apart else {"input": _united(node, schemas)}
        with options_of(node.name):
            return component.bind(given)
    if isinstance(component, Transformer):
        united = _united(node, schemas)
        with options_of(node.name):
            return component.bind(united)
    return None


def _taken(take: Take, known: Mapping[Path, pa.Schema | None]) -> pa.Schema | None:
    schema = known[take.parent]
    return schema.remove(schema.get_field_index(OUTPUT)) if schema is not None and take.output else schema


def _united(node: Node, schemas: Mapping[str, pa.Schema]) -> pa.Schema:
    if len(schemas) == 1:
        (schema,) = schemas.values()
        return schema
    with _as_mistake(node):
        return united_schema(list(schemas.values()))


@contextmanager
def _as_mistake(node: Node) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise ConfigError(Problem(str(error), path=f"jobs.{node.name}")) from None
