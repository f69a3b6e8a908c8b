"""Plugins in Python: component classes out of the plugins folder, and of installed packages' entry points."""

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from lumos_dagster.errors import PluginError
from lumos_dagster.interface import Combiner, Component, Extractor, Loader, Transformer
from lumos_dagster.plugins.guest import Kind
from lumos_dagster.plugins.installed import Installed, digest_of
from lumos_dagster.plugins.manifest import Manifest

GROUP = "lumos.components"
"""The group of entry points: a plugin's name, and its class or the module that has it."""
_KINDS: Mapping[Kind, tuple[type[Component], ...]] = {
    "extractor": (Extractor,),
    "transformer": (Transformer, Combiner),
    "loader": (Loader,),
}

Classes = dict[Kind, type[Component]]


def classes_of_folder(plugin: Installed) -> Classes:
    """The component classes of a plugin in the folder. Raises PluginError for changed files and broken code."""
    return _classes(plugin.manifest.name, _imported(plugin.manifest, plugin.verified()))


def kinds_of_folder(home: Path, manifest: Manifest) -> tuple[Kind, ...]:
    """What the code in a folder gives, as `classes_of_folder`."""
    return tuple(_classes(manifest.name, _imported(manifest, home / manifest.entry)))


def packaged(folder: Path) -> Iterator[tuple[str, str, Callable[[], tuple[Installed, Classes]]]]:
    """Each entry point's name, its package, and what loads it."""
    for point in entry_points(group=GROUP):
        package = f"the package {point.dist.name}" if point.dist else f"the entry point {point.value}"
        yield point.name, package, lambda point=point: _of_package(point, folder)  # type: ignore[misc]


def _of_package(point: EntryPoint, folder: Path) -> tuple[Installed, Classes]:
    classes = _classes(point.name, _guarded(point.name, point.load))
    said = {"version": "", "summary": "", "author": "", "license": ""}
    if point.dist:
        said |= {key: str(value) for key, value in point.dist.metadata.json.items() if key in said}
    manifest = Manifest(
        name=point.name,
        driver="python",
        entry=point.value.replace(":", "/"),
        kinds=tuple(classes),
        version=said["version"],
        description=said["summary"],
        author=said["author"],
        license=said["license"],
    )
    return Installed(manifest, folder), classes


def _imported(manifest: Manifest, entry: Path) -> ModuleType:
    """The module, under a name of its own content, so that two versions of it never meet."""
    package = entry.is_dir()
    file = entry / "__init__.py" if package else entry
    sources = sorted(entry.rglob("*.py")) if package else [file]
    content = "".join(digest_of(source) for source in sources)
    name = f"lumos_plugin_{manifest.name.replace('-', '_')}_{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(entry)] if package else None
    )
    loader = spec.loader if spec else None
    if spec is None or loader is None:
        raise PluginError(f"plugin {manifest.name}: load: {entry} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        _guarded(manifest.name, lambda: loader.exec_module(module))
    except PluginError:
        for known in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
            del sys.modules[known]
        raise
    return module


def _guarded(name: str, load: Callable[[], object]) -> object:
    try:
        return load()
    except Exception as error:
        raise PluginError(f"plugin {name}: import: {type(error).__name__}: {error}") from error


def _classes(name: str, found: object) -> Classes:
    """The component classes of a module that it has defined itself, or the one class. Raises PluginError."""
    if isinstance(found, ModuleType):
        own = [item for item in vars(found).values() if isinstance(item, type) and _is_of(item, found)]
    else:
        own = [found] if isinstance(found, type) else []
    classes: Classes = {}
    for item in own:
        kind = next((kind for kind, bases in _KINDS.items() if issubclass(item, bases)), None)
        if kind is None or not issubclass(item, Component) or inspect.isabstract(item):
            continue
        if kind in classes:
            both = f"{classes[kind].__name__} and {item.__name__}"
            raise PluginError(f"plugin {name}: load: has two {kind}s, {both}; a plugin gives one of each kind at most")
        classes[kind] = item
    if not classes:
        raise PluginError(f"plugin {name}: load: has no class derived from Extractor, Transformer, Combiner or Loader")
    return classes


def _is_of(item: type, module: ModuleType) -> bool:
    where = item.__module__
    return not item.__name__.startswith("_") and (where == module.__name__ or where.startswith(f"{module.__name__}."))
