"""Installing and uninstalling: files copied beside and renamed, digests recorded, rights granted once and by name."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.plugins.drivers import SUFFIXES, driver_named
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.installed import Installed, code_files, digest_of
from lumos_dagster.plugins.lock import read_lock, write_lock
from lumos_dagster.plugins.manifest import MANIFEST, Manifest, load_manifest, manifest_of
from lumos_dagster.plugins.python import kinds_of_folder
from lumos_dagster.plugins.rights import effective, grant_problems, merged
from lumos_dagster.problems import near

_TEMPORARY = ".installing-"


def plugins_folder() -> Path:
    """`LUMOS_PLUGINS_DIR`, else `plugins` beside the jobs, in the current folder, or beside the package."""
    if given := os.environ.get("LUMOS_PLUGINS_DIR"):
        return Path(given).expanduser().resolve()
    if jobs := os.environ.get("LUMOS_JOBS_DIR"):
        return Path(jobs).expanduser().resolve().parent / "plugins"
    here = Path.cwd()
    beside = Path(__file__).resolve().parents[2]
    mine = any((here / name).is_dir() for name in ("plugins", "yaml_jobs")) or not (beside / "yaml_jobs").is_dir()
    return (here if mine else beside) / "plugins"


@dataclass(frozen=True)
class Source:
    """Something that can be installed: a manifest, complete, and the folder that its files lie in."""

    manifest: Manifest
    home: Path
    files: tuple[str, ...]


def read_source(path: Path) -> Source:
    """A plugin's folder, its manifest, or a bare binary. Raises ConfigError or PluginError with what is wrong."""
    path = path.absolute()
    if path.is_symlink() or not path.exists():
        what = "is a link, and a plugin has none" if path.is_symlink() else "does not exist"
        raise ConfigError(Problem(f"the plugin {what}", file=str(path)))
    if path.is_file() and path.name != MANIFEST:
        return _bare(path)
    home = path if path.is_dir() else path.parent
    manifest = load_manifest(home)
    entry = home / manifest.entry
    file = str(home / MANIFEST)
    if not entry.exists() or (entry.is_dir() and not (entry / "__init__.py").is_file()):
        hint = "Build the plugin first." if manifest.driver != "python" else "Name a .py file, or a package's folder."
        raise ConfigError(Problem(f"the entry {manifest.entry!r} is not there", path="entry", file=file, hint=hint))
    files = tuple(code_files(home, manifest))
    if manifest.sha256 and (found := digest_of(entry)) != manifest.sha256:
        raise ConfigError(
            Problem("the entry is not the file that the manifest means", path="sha256", file=file, found=found)
        )
    if manifest.driver == "python":
        kinds = kinds_of_folder(home, manifest)
        if manifest.kinds and set(manifest.kinds) != set(kinds):
            raise ConfigError(Problem(f"the code gives: {', '.join(kinds)}", path="kinds", file=file))
        return Source(manifest.model_copy(update={"kinds": kinds}), home, files)
    try:
        return Source(manifest.completed(driver_named(manifest.driver).describe(entry)), home, files)
    except ConfigError as error:
        raise ConfigError(replace(problem, file=file) for problem in error.problems) from None


def _bare(path: Path) -> Source:
    driver = SUFFIXES.get(path.suffix)
    if driver is None:
        allowed = ("a folder with plugin.toml", *SUFFIXES)
        raise ConfigError(Problem(f"{path.name} is no plugin", file=str(path), allowed=allowed))
    return Source(manifest_of(driver_named(driver).describe(path), driver, path.name), path.parent, (path.name,))


def install(path: Path, granted: Rights, folder: Path) -> Installed:
    """Install a plugin, or upgrade it; what was granted before stays granted where it is still asked for.

    Raises ConfigError for rights that it asks for and that nobody has granted, PluginError for broken code.
    """
    source = read_source(path)
    name = source.manifest.name
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        known = read_lock(folder)
        asked = source.manifest.grants.rights()
        before = effective(asked, known[name].granted) if name in known else Rights()
        granted = merged(before, granted)
        if problems := grant_problems(asked, granted):
            raise ConfigError(replace(problem, file=str(path)) for problem in problems)
        home = _in_place(source, folder) or _copied(source, folder, known.get(name))
        files = {file: digest_of(folder / home / file) for file in source.files}
        plugin = Installed(source.manifest, folder, home, files, granted)
        write_lock(folder, {**known, name: plugin}.values())
    return plugin


def uninstall(name: str, folder: Path) -> Installed:
    """Forget a plugin, and remove the files that were copied. Raises ConfigError for one that is not installed."""
    with _locked(folder):
        known = read_lock(folder)
        if name not in known:
            hint = near(name, known)
            raise ConfigError(Problem(f"no plugin {name!r} is installed in {folder}", allowed=tuple(known), hint=hint))
        plugin = known.pop(name)
        write_lock(folder, known.values())
        if plugin.home == name and (folder / name / _COPIED).exists():
            shutil.rmtree(folder / name)
    return plugin


_COPIED = ".installed"
"""The mark in a folder that install has made, so that no source of somebody's is removed by uninstall."""


def _in_place(source: Source, folder: Path) -> str:
    """The plugin's folder where it lies in the plugins folder already, as a project's own plugins do."""
    return source.home.name if source.home.parent.resolve() == folder.resolve() else ""


def _copied(source: Source, folder: Path, before: Installed | None) -> str:
    """Copy the files beside, and rename: what was there is replaced at once."""
    name = source.manifest.name
    target = folder / name
    if target.exists() and not (target / _COPIED).exists():
        hint = "Move it, or install it from where it is."
        raise ConfigError(Problem(f"{target} is there already, and was not installed", hint=hint))
    made = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=folder))
    try:
        for file in (*source.files, _COPIED):
            copy = made / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(b"" if file == _COPIED else (source.home / file).read_bytes())
        made.chmod(0o755)
        if target.exists():
            old = made.with_name(made.name + ".old")
            target.rename(old)
            made.rename(target)
            shutil.rmtree(old)
        else:
            made.rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return name


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One installation at a time; what a dead one has left is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(ImportError):  # where there are no locks
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in folder.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)
