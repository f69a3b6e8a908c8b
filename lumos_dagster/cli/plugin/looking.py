"""`lumos plugin list`, `info`, `validate` and `capabilities`: what there is, and what a file would be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lumos_dagster.catalog import BUILT_IN
from lumos_dagster.cli.plugin.answers import JSON, KIND, as_dict, print_json, rights_lines, told
from lumos_dagster.config import options_schema
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import Component
from lumos_dagster.plugins.guest import Kind
from lumos_dagster.plugins.project import load_plugins
from lumos_dagster.plugins.store import Source, read_source
from lumos_dagster.problems import near

_ALL = "whatever the process may: it runs outside any sandbox"


@click.command("list")
@click.option("--type", "kind", type=KIND, help="Only those that give this.")
@JSON
def list_plugins(kind: str | None, as_json: bool) -> None:
    """List the plugins, those that cannot be used included, and what is built in."""
    rows = [row for row in _rows() if kind in (None, *row["kinds"]) or row.get("unusable")]
    if as_json:
        print_json({"folder": str(load_plugins().folder), "plugins": rows})
        return
    for row in rows:
        if row.get("unusable"):
            click.echo(f"{row['name'] or 'all':16} cannot be used: {row['unusable']}")
        else:
            kinds = ", ".join(row["kinds"])
            click.echo(
                f"{row['name']:16} {row['version']:8} {row['driver']:8} {kinds:32} {row['description']}".rstrip()
            )


@click.command()
@click.argument("name")
@JSON
def info(name: str, as_json: bool) -> None:
    """Show all about the plugin NAME: what it is, its options, what it may reach and use."""
    found = told(lambda: _info(name), as_json)
    if as_json:
        print_json(found)
        return
    for key in ("name", "version", "driver", "abi", "description", "author", "license", "folder"):
        if found.get(key):
            click.echo(f"{key:12} {found[key]}")
    click.echo(f"{'kinds':12} {', '.join(found['kinds'])}")
    for kind, schema in found["options"].items():
        for line in _option_lines(schema):
            click.echo(f"{kind:12} {line}")
    if "rights" in found:
        reach = rights_lines(found["rights"]) or ["nothing"]
        click.echo(f"{'may reach':12} {', '.join(reach) if found['sandboxed'] else _ALL}")
    if found["driver"] in ("native", "wasm"):
        for line in _limit_lines(found["limits"]):
            click.echo(line)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@JSON
def validate(file: Path, as_json: bool) -> None:
    """Check a plugin that is not installed: its manifest, its code, its options. Exit code 2 where it is not valid."""
    source = told(lambda: read_source(file), as_json)
    if as_json:
        print_json({"valid": True, "name": source.manifest.name, "kinds": source.manifest.kinds})
    else:
        click.echo(f"{file}: valid: {source.manifest.name}, {', '.join(source.manifest.kinds)}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@JSON
def capabilities(file: Path, as_json: bool) -> None:
    """Show what a plugin that is not installed gives, and what it asks for."""
    found = _capabilities(told(lambda: read_source(file), as_json))
    if as_json:
        print_json(found)
        return
    for key in ("name", "version", "driver", "abi"):
        if found[key]:
            click.echo(f"{key:12} {found[key]}")
    click.echo(f"{'gives':12} {', '.join(found['kinds'])}")
    reach = rights_lines(found["asks"]) or ["nothing"]
    click.echo(f"{'asks for':12} {', '.join(reach) if found['sandboxed'] else _ALL}")
    for line in _limit_lines(found["limits"]):
        click.echo(line)


def _capabilities(source: Source) -> dict[str, Any]:
    manifest = source.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "driver": manifest.driver,
        "abi": manifest.abi,
        "kinds": manifest.kinds,
        "sandboxed": manifest.driver == "wasm",
        "asks": vars(manifest.grants.rights()),
        "limits": vars(manifest.limits.limits()),
        "options": manifest.options,
    }


def _rows() -> Iterator[dict[str, Any]]:
    plugins = load_plugins()
    for name, why in plugins.unusable.items():
        yield {"name": name, "kinds": [], "unusable": why}
    for name, plugin in sorted(plugins.plugins.items()):
        told = as_dict(plugin)
        yield {key: told[key] for key in ("name", "version", "driver", "kinds", "description")} | {"name": name}
    yield from (_built_in(name) for name in dict.fromkeys(name for known in BUILT_IN.values() for name in known))


def _built_in(name: str) -> dict[str, Any]:
    classes = _classes_built_in(name)
    first = next(iter(classes.values()))
    return {
        "name": name,
        "version": "",
        "driver": "builtin",
        "kinds": list(classes),
        "description": (first.__doc__ or "").split("\n")[0],
    }


def _classes_built_in(name: str) -> dict[Kind, type[Component]]:
    return {kind: known[name] for kind, known in BUILT_IN.items() if name in known}


def _info(name: str) -> dict[str, Any]:
    plugins = load_plugins()
    bare = name.removeprefix("plugin:")
    if bare in plugins.plugins:
        classes = {kind: known[bare] for kind, known in plugins.components.items() if bare in known}
        found = as_dict(plugins.plugins[bare])
    elif bare in plugins.unusable:
        raise ConfigError(Problem(f"the plugin {bare!r} cannot be used: {plugins.unusable[bare]}"))
    else:
        classes = _classes_built_in(bare)
        known = (*plugins.plugins, *dict.fromkeys(other for names in BUILT_IN.values() for other in names))
        if not classes:
            raise ConfigError(Problem(f"no plugin {bare!r} is installed", allowed=known, hint=near(bare, known)))
        found = _built_in(bare)
    return {**found, "options": {kind: options_schema(component) for kind, component in classes.items()}}


def _limit_lines(limits: dict[str, float]) -> Iterator[str]:
    return (f"{'limit':12} {limit} {value:g}" for limit, value in limits.items())


def _option_lines(schema: dict[str, Any]) -> Iterator[str]:
    """Each option with what is said of it."""
    required = schema.get("required", ())
    for name, option in schema.get("properties", {}).items():
        note = "required" if name in required else f"default {option['default']!r}" if option.get("default") else ""
        text = f"{option.get('description', '')}{f' ({note})' if note else ''}".strip()
        yield f"{name}: {text}" if text else name
