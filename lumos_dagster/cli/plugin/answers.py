"""How the commands about plugins answer: as text or as JSON, mistakes of any kind without a trace."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import click

from lumos_dagster.cli.problems import fail
from lumos_dagster.errors import ConfigError, LumosError
from lumos_dagster.plugins.installed import Installed
from lumos_dagster.plugins.rights import RIGHTS

T = TypeVar("T")

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
KIND = click.Choice(("extractor", "transformer", "loader"))


def told(work: Callable[[], T], as_json: bool) -> T:
    """What `work` gives; where it is refused, every reason, and the command ends with exit code 2."""
    try:
        return work()
    except ConfigError as error:
        fail(error, as_json)
    except LumosError as error:
        fail(ConfigError(str(error)), as_json)


def as_dict(plugin: Installed) -> dict[str, Any]:
    """A plugin as JSON has it."""
    manifest = plugin.manifest
    told = manifest.model_dump(mode="json", include={"name", "version", "driver", "abi", "kinds", "description"})
    more = manifest.model_dump(mode="json", include={"author", "license", "entry", "options", "atomic"})
    asked = asdict(manifest.grants.rights())
    return {
        **told,
        **more,
        "sandboxed": manifest.driver == "wasm",
        "rights": asdict(plugin.rights),
        "asked": asked,
        "limits": asdict(manifest.limits.limits()),
        "files": dict(plugin.files),
        "folder": str(plugin.folder / plugin.home) if plugin.home else "",
    }


def rights_lines(rights: Mapping[str, Any]) -> list[str]:
    """Each right and what it holds."""
    return [f"{right}={item}" for right in RIGHTS for item in rights[right]]


def print_json(answer: object) -> None:
    """One JSON object."""
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2, default=str))
