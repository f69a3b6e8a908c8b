"""One plugin that is there: its manifest, its files with their digests, and what the operator granted."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lumos_dagster.errors import PluginError
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.manifest import MANIFEST, Manifest
from lumos_dagster.plugins.rights import effective


@dataclass(frozen=True)
class Installed:
    """A plugin in the plugins folder; or in a Python package, and then nothing of it lies in the folder."""

    manifest: Manifest
    folder: Path
    """The plugins folder of the project."""
    home: str = ""
    """The plugin's own folder in it; "" for a Python package."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The files that it consists of, with their SHA-256, as they were installed."""
    granted: Rights = field(default_factory=Rights)

    @property
    def rights(self) -> Rights:
        """What it may reach."""
        return effective(self.manifest.grants.rights(), self.granted)

    @property
    def entry(self) -> Path:
        """Its code."""
        return self.folder / self.home / self.manifest.entry

    def verified(self) -> Path:
        """Its code, once every file is as it was installed. Raises PluginError naming the first that is not."""
        home = self.folder / self.home
        for name, digest in self.files.items():
            path = home / name
            if linked := _link_on_the_way(home, path):
                raise self._changed(f"{linked} is a link")
            if not path.is_file():
                raise self._changed(f"{path} is gone")
            if digest_of(path) != digest:
                raise self._changed(f"{path} is not what was installed")
        if self.entry.is_dir() and (added := set(code_files(home, self.manifest)) - set(self.files)):
            raise self._changed(f"{home / min(added)} was not installed with it")
        return self.entry

    def _changed(self, what: str) -> PluginError:
        name = self.manifest.name
        return PluginError(
            f"plugin {name}: load: {what}. If that is meant: lumos plugin install {self.folder / self.home}"
        )


def code_files(home: Path, manifest: Manifest) -> Iterator[str]:
    """What a plugin consists of, relative to its folder: its manifest and its code. Raises PluginError for links."""
    entry = home / manifest.entry
    found = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
    for path in [home / MANIFEST, *found]:
        if linked := _link_on_the_way(home, path):
            raise PluginError(f"plugin {manifest.name}: {linked} is a link, and a plugin has none")
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(home).as_posix()


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _link_on_the_way(home: Path, path: Path) -> Path | None:
    """The first link between the plugin's folder and a file in it, the folder included."""
    ways = [way for way in (path, *path.parents) if way.is_relative_to(home)]
    return next((way for way in reversed(ways) if way.is_symlink()), None)
