"""`plugins.lock`: what is installed, with the digest of every file and what the operator granted."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.files import open_atomic
from lumos_dagster.plugins.installed import Installed
from lumos_dagster.plugins.manifest import InsidePath, Manifest, PluginName
from lumos_dagster.plugins.rights import RightsAsked
from lumos_dagster.problems import problems_of
from lumos_dagster.strict import StrictModel

LOCK = "plugins.lock"


class _Locked(StrictModel):
    home: Annotated[InsidePath, Field(pattern=r"^[^/]+$")]
    manifest: Manifest
    files: dict[InsidePath, str]
    granted: RightsAsked


class _Lock(StrictModel):
    version: Annotated[int, Field(ge=1, le=1)]
    plugins: dict[PluginName, _Locked]


def read_lock(folder: Path) -> dict[str, Installed]:
    """The installed plugins by name; none where there is no lock. Raises ConfigError for one that is damaged."""
    file = folder / LOCK
    hint = "Put it back from version control, or delete it and install the plugins again."
    try:
        raw = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(Problem(f"the lock cannot be read: {error}", file=str(file), hint=hint)) from None
    try:
        lock = _Lock.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(replace(problem, file=str(file), hint=hint) for problem in problems_of(error, raw)) from None
    return {
        name: Installed(locked.manifest, folder, locked.home, locked.files, locked.granted.rights())
        for name, locked in lock.plugins.items()
    }


def write_lock(folder: Path, plugins: Iterable[Installed]) -> None:
    """Record what is installed: whole, or not at all."""
    locked: Mapping[str, object] = {
        plugin.manifest.name: {
            "home": plugin.home,
            "manifest": plugin.manifest.model_dump(mode="json", exclude_defaults=True),
            "files": dict(plugin.files),
            "granted": {right: list(items) for right, items in vars(plugin.granted).items() if items},
        }
        for plugin in sorted(plugins, key=lambda plugin: plugin.manifest.name)
    }
    with open_atomic(str(folder / LOCK)) as stream:
        stream.write(json.dumps({"version": 1, "plugins": locked}, ensure_ascii=False, indent=2).encode() + b"\n")
