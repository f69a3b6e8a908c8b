"""Plugins compiled from C, once for all tests, and a way to run them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book, Task
from lumos_dagster.plugins.guest import Limits, Rights
from lumos_dagster.plugins.native.driver import INCLUDE, NativeDriver
from lumos_dagster.values import RunContext

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "plugins"

Compile = Callable[..., Path]


DEFAULT = Limits()


class Natives:
    """Runs a plugin's library for one attempt of an op."""

    def __init__(self, binary: Path, run: RunContext) -> None:
        self.binary = binary
        self.lines: list[str] = []
        self.task = Task("op", Book(run, log=self.lines.append))

    def transform(self, options: str, rows: pa.Table, limits: Limits = DEFAULT, batch: int = 65_536) -> pa.Table:
        opened = NativeDriver().open(self.binary, Rights(), limits, self.task)
        with opened as guest, guest.transform(options, rows.to_reader(batch)) as changed:
            return changed.read_all()

    def load(self, options: str, rows: pa.Table) -> int:
        with NativeDriver().open(self.binary, Rights(), Limits(), self.task) as guest:
            return guest.load(options, rows.to_reader())

    def extract(self, options: str) -> pa.Table:
        with NativeDriver().open(self.binary, Rights(), Limits(), self.task) as guest, guest.extract(options) as rows:
            return rows.read_all()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compile a C file into a plugin's library; `flags` are the compiler's."""
    folder = tmp_path_factory.mktemp("native")
    made: dict[tuple[Path, tuple[str, ...]], Path] = {}

    def compiled(source: Path, *flags: str) -> Path:
        if (source, flags) not in made:
            target = folder / str(len(made)) / f"{source.stem}.so"
            target.parent.mkdir()
            command = ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{INCLUDE}"]
            subprocess.run([*command, *flags, "-o", target, source, "-lpthread"], check=True)
            made[source, flags] = target
        return made[source, flags]

    return compiled


@pytest.fixture
def hostile(compiled: Compile, run: RunContext) -> Natives:
    """The plugin that does harm."""
    return Natives(compiled(HERE / "hostile.c", "-Wno-infinite-recursion", "-Wno-array-bounds"), run)


@pytest.fixture
def normalize(compiled: Compile, run: RunContext) -> Natives:
    """The example plugin."""
    return Natives(compiled(EXAMPLES / "normalize-native" / "normalize.c"), run)
