"""All plugins of a project: what is installed in its folder, and the packages that bring some; read once a process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from lumos_dagster.errors import ConfigError, PluginError
from lumos_dagster.interface import Component
from lumos_dagster.plugins.component import foreign_class, narrowed_class, python_class, use_of
from lumos_dagster.plugins.guest import Kind, Limits, Rights
from lumos_dagster.plugins.installed import Installed
from lumos_dagster.plugins.lock import LOCK, read_lock
from lumos_dagster.plugins.python import Classes, classes_of_folder, packaged
from lumos_dagster.plugins.rights import common, tighter
from lumos_dagster.plugins.store import plugins_folder


@dataclass(frozen=True)
class Plugins:
    """The plugins by name, their components by kind and name, and why others cannot be used ("" for all of them)."""

    folder: Path
    plugins: Mapping[str, Installed] = field(default_factory=dict)
    components: Mapping[Kind, Mapping[str, type[Component]]] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)


def load_plugins(folder: Path | None = None) -> Plugins:
    """The plugins of a folder, by default the project's, and of all packages.

    Manifests are read, no binary is touched. Python plugins are imported, since their options are their classes.
    One that is broken is among the unusable and leaves the others alone.
    """
    folder = folder or plugins_folder()
    try:
        state = (folder / LOCK).stat()
    except OSError:
        return _loaded(folder, (0, 0))
    return _loaded(folder, (state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=8)
def _loaded(folder: Path, state: tuple[int, int]) -> Plugins:
    unusable: dict[str, str] = {}
    try:
        installed = read_lock(folder)
    except ConfigError as error:
        installed, unusable = {}, {"": str(error)}
    ways: dict[str, list[tuple[str, Callable[[], tuple[Installed, Classes]]]]] = {}
    for name, plugin in installed.items():
        ways[name] = [(f"the folder {folder}", lambda plugin=plugin: (plugin, _classes(plugin)))]  # type: ignore[misc]
    for name, package, way in packaged(folder):
        ways.setdefault(name, []).append((package, way))
    plugins: dict[str, Installed] = {}
    components: dict[Kind, dict[str, type[Component]]] = {"extractor": {}, "transformer": {}, "loader": {}}
    for name, found in ways.items():
        if len(found) > 1:
            givers = " and ".join(giver for giver, _ in found)
            unusable[name] = f"{len(found)} plugins are called {name}, from {givers}; uninstall all but one"
            continue
        ((_, load),) = found
        try:
            plugins[name], classes = load()
        except PluginError as error:
            unusable[name] = str(error)
            continue
        for kind, component in classes.items():
            components[kind][name] = component
    return Plugins(folder, plugins, components, unusable)


def _classes(plugin: Installed) -> Classes:
    if plugin.manifest.driver != "python":
        return {kind: foreign_class(plugin, kind) for kind in plugin.manifest.kinds}
    return {kind: python_class(found, plugin, kind) for kind, found in classes_of_folder(plugin).items()}


def find_class(folder: str, name: str, kind: Kind, rights: Rights, limits: Limits) -> type[Component]:
    """A plugin's component again, in this process: within those rights and limits, or what is left of them by now.

    Raises PluginError where it is gone.
    """
    found = load_plugins(Path(folder))
    component = found.components[kind].get(name) if name in found.plugins else None
    use = use_of(component) if component else None
    if component is None or use is None:
        why = found.unusable.get(name) or found.unusable.get("") or f"it is not installed in {folder}"
        raise PluginError(f"plugin {name}: load: no {kind} of this name can be used: {why}")
    now = replace(use, rights=common(use.rights, rights), limits=tighter(use.limits, limits))
    return component if now == use else narrowed_class(component, now)
