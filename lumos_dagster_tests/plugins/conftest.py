"""A project with a plugins folder, and plugins in Python to put there."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.installed import Installed
from lumos_dagster.plugins.store import install

Source = Callable[..., Path]
Install = Callable[..., Installed]

NUMBERS = '''
"""Numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from lumos_dagster.interface import Extractor, SecretStr, Task


class Numbers(Extractor):
    """Counts."""

    count: int = 3
    """How far."""
    token: SecretStr | None = None
    """Who asks."""

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """The numbers."""
        task.log(f"counts to {self.count}")
        yield pa.table({"n": list(range(1, self.count + 1))}).to_reader()
'''


def run_as_command(file: Path, executor: str) -> "subprocess.CompletedProcess[str]":
    """`lumos run` in a process of its own, recorded beside the file.

    The fork server of this one, which an earlier test may have started, knows the plugins folder of that time.
    """
    command = [Path(sys.executable).with_name("lumos"), "run", file.name, "--executor", executor]
    environment = os.environ | {"DAGSTER_HOME": str(file.parent)}
    return subprocess.run(command, cwd=file.parent, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugins folder of a project of its own."""
    monkeypatch.setenv("LUMOS_PLUGINS_DIR", str(tmp_path / "plugins"))
    return tmp_path / "plugins"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Write a plugin's folder, not installed: `more` are lines of its manifest."""

    def write(name: str = "numbers", code: str = NUMBERS, more: str = "", where: Path = tmp_path / "sources") -> Path:
        home = where / name
        home.mkdir(parents=True, exist_ok=True)
        (home / "plugin.toml").write_text(f'name = "{name}"\ndriver = "python"\nentry = "code.py"\n{more}\n')
        (home / "code.py").write_text(code)
        return home

    return write


@pytest.fixture
def installed(folder: Path, source: Source) -> Install:
    """Install such a plugin."""

    def put(name: str = "numbers", code: str = NUMBERS, more: str = "") -> Installed:
        return install(source(name, code, more), Rights(), folder)

    return put
