"""What a job file leaves the plugins that it uses: which of them, and what of their rights and limits."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lumos_dagster.config.components import Components, of_kind
from lumos_dagster.config.model import Kind
from lumos_dagster.config.sections import FileText, PluginText
from lumos_dagster.errors import Problem
from lumos_dagster.interface import Component
from lumos_dagster.plugins.component import Use, narrowed_class, use_of
from lumos_dagster.plugins.rights import excess, narrowed, tighter
from lumos_dagster.plugins.store import plugins_folder
from lumos_dagster.problems import near

_KINDS: tuple[Kind, ...] = ("extractor", "transformer", "loader")


def left_to(component: type[Component], file: FileText, path: str) -> type[Component] | Problem:
    """The component as this file may use it: a built-in one as it is, a plugin's within what the file leaves it."""
    use = use_of(component)
    if use is None:
        return component
    if why := _why_not(use, file):
        return Problem(f"the plugin {use.plugin.manifest.name!r} may not be used here: {why}", path=path)
    left = (file.plugins or {}).get(use.plugin.manifest.name)
    if left is None:
        return component
    now = replace(use, rights=narrowed(use.rights, left.rights()), limits=tighter(use.limits, left.limits(use.limits)))
    return component if now == use else narrowed_class(component, now)


def plugin_problems(file: FileText, components: Components) -> Iterator[Problem]:
    """Every mistake under `plugins`: one that nobody has installed, and what a job file cannot give."""
    if not file.plugins:
        return
    known = {
        name.removeprefix("plugin:"): found for kind in _KINDS for name, found in of_kind(components, kind).items()
    }
    for name, left in file.plugins.items():
        path = f"plugins.{name}"
        if name in components.unusable:
            yield Problem(f"the plugin {name!r} cannot be used: {components.unusable[name]}", path=path)
        elif name not in known:
            installed = tuple(name for name, found in known.items() if use_of(found))
            yield Problem(f"no plugin {name!r} is installed", path=path, allowed=installed, hint=near(name, installed))
        else:
            yield from _excesses(use_of(known[name]), left, path)


def plugin_warnings(file: FileText) -> Iterator[Problem]:
    """A folder that the chain shape names, where plugins are not looked for."""
    folder = plugins_folder()
    named = file.wasm_plugins.plugins_dir if file.wasm_plugins else None
    if named and Path(named).resolve() != folder:
        hint = "Install into it what the job needs (lumos plugin install), or set LUMOS_PLUGINS_DIR."
        yield Problem(
            f"plugins are found in {folder}, whatever stands here", path="wasm_plugins.plugins_dir", hint=hint
        )


def _why_not(use: Use, file: FileText) -> str:
    name, named = use.plugin.manifest.name, file.plugins
    if named is not None and name not in named:
        return f"plugins: names only {', '.join(named) or 'none'}"
    if use.plugin.manifest.driver == "wasm" and file.wasm_plugins is not None:
        if not file.wasm_plugins.enabled:
            return "wasm_plugins: enabled is false"
        if not file.wasm_plugins.auto_load and named is None:
            return "wasm_plugins: auto_load is false, and plugins: does not name it"
    return ""


def _excesses(use: Use | None, left: PluginText, path: str) -> Iterator[Problem]:
    if use is None:
        if left.model_fields_set:
            yield Problem("it is built in: it has no rights or limits to be narrowed", path=path)
        return
    for right, item in excess(use.rights, left.rights()):
        granted = getattr(use.rights, right)
        hint = "A job file can only narrow what was granted when the plugin was installed."
        yield Problem(f"{item!r} was not granted", path=f"{path}.{right}", allowed=granted, hint=hint)
    if use.plugin.manifest.driver == "python" and left.limits(use.limits) != use.limits:
        yield Problem("a Python plugin runs in the op's own process, without limits", path=path)
