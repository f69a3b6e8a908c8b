"""`lumos plugin test`: the conformance suite's part for plugins."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
import pyarrow as pa
from pydantic import ValidationError

from lumos_dagster.cli.plugin.answers import JSON, print_json, told
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import Component
from lumos_dagster.plugins.options import schema_of
from lumos_dagster.plugins.project import load_plugins
from lumos_dagster.problems import near, problems_of

FAILED = 1


@click.command("test")
@click.argument("name")
@click.option("--options", "text", metavar="JSON", help="Options to test with; default: its manifest's [test] options.")
@click.option(
    "--rows", metavar="JSON", help="Rows, as a list of objects; default: its manifest's [test] rows, or a sample."
)
@JSON
def test_plugin(name: str, text: str | None, rows: str | None, as_json: bool) -> None:
    """Hold the plugin NAME to the conformance suite. Exit code 1 where a check fails.

    It is run for real, with the options and rows of its manifest: [test] options = {..}, rows = [{..}, ..].
    """
    from lumos_dagster.testing.plugins import verdicts

    trials, table = told(lambda: _trials(name, text, rows), as_json)
    answers: dict[str, list[dict[str, str]]] = {}
    for component, options in trials:
        found = answers.setdefault(component.kind, [])
        for verdict in verdicts(component, options, table):
            found.append(asdict(verdict))
            if not as_json:
                state = f"FAILED: {verdict.failure}" if verdict.failure else "ok"
                click.echo(f"{component.kind} {verdict.check}: {state}")
    failed = sum(bool(verdict["failure"]) for found in answers.values() for verdict in found)
    if as_json:
        print_json({"plugin": name, "failed": failed, "checks": answers})
    else:
        click.echo(f"{failed} checks failed" if failed else "all checks hold")
    sys.exit(FAILED if failed else 0)


def _trials(
    name: str, text: str | None, rows: str | None
) -> tuple[list[tuple[type[Component], dict[str, Any]]], pa.Table | None]:
    """Each component of the plugin with the options to test it with, and the rows; ConfigError for what is missing."""
    plugins = load_plugins()
    if name in plugins.unusable:
        raise ConfigError(Problem(f"the plugin {name!r} cannot be used: {plugins.unusable[name]}"))
    if name not in plugins.plugins:
        known = tuple(plugins.plugins)
        raise ConfigError(Problem(f"no plugin {name!r} is installed", allowed=known, hint=near(name, known)))
    test = plugins.plugins[name].manifest.test
    given = test.options if text is None else _options(text)
    found, problems = [], []
    for kind, components in plugins.components.items():
        if component := components.get(name):
            options = dict(schema_of(given, kind))
            found.append((component, options))
            problems += _mistakes(component, options)
    if problems:
        hint = "Give options that it works with: [test] options = {..} in plugin.toml, or --options '{..}'."
        raise ConfigError((*problems, Problem("it cannot be tested with these options", hint=hint)))
    chosen = list(test.rows) if rows is None else _rows(rows)
    return found, pa.Table.from_pylist(chosen) if chosen else None


def _options(text: str) -> Mapping[str, Any]:
    found = _json("--options", text)
    if not isinstance(found, dict):
        raise ConfigError(Problem("--options is not a JSON object"))
    return found


def _rows(text: str) -> list[dict[str, Any]]:
    found = _json("--rows", text)
    if not isinstance(found, list) or not found or not all(isinstance(row, dict) for row in found):
        raise ConfigError(
            Problem("--rows is not a JSON array of objects", hint="""Write --rows '[{"name": "one"}]'.""")
        )
    return found


def _json(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(Problem(f"{option} is not JSON: {error}")) from None


def _mistakes(component: type[Component], options: Mapping[str, Any]) -> list[Problem]:
    try:
        component.model_validate(options)
    except ValidationError as error:
        return problems_of(error, options, f"{component.kind} options")
    return []
