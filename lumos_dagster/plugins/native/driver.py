"""The driver: shared libraries, each attempt of an op in a process of its own."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lumos_dagster.accounting import Task
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import PluginError
from lumos_dagster.plugins.guest import Description, Guest, Limits, Rights

INCLUDE = Path(__file__).parents[1] / "include"
"""The folder of `lumos_plugin.h` and `lumos_helpers.h`."""

_WHILE_ASKED = Limits(timeout_seconds=20.0, log_lines=100)


class NativeDriver:
    """Loads .so, .dylib and .dll files that export `lumos_plugin_entry`; never into the process that asks."""

    def describe(self, binary: Path) -> Description:
        """What the library says of itself, asked in a process of its own."""
        from lumos_dagster.plugins.native.guest import running
        from lumos_dagster.plugins.native.library import ABI

        _refuse_windows(binary)
        with running(binary, _WHILE_ASKED, Cancellation(), lambda _: None, binary.stem) as process:
            process.start("", "")
            told = json.loads(process.answer().text)
        options, kinds = told["options"], tuple(told["kinds"])
        by_kind = options if options and set(options) <= set(kinds) else {"": options}
        version, description, author, may = (
            str(told.get(name, "")) for name in ("version", "description", "author", "license")
        )
        return Description(told["name"], version or "0", ABI, kinds, description, author, may, by_kind)

    @contextmanager
    def open(self, binary: Path, rights: Rights, limits: Limits, task: Task, name: str = "") -> Iterator[Guest]:
        """The library as a guest. It has the rights of this process: `rights` limits nothing that machine code does."""
        from lumos_dagster.plugins.native.guest import NativeGuest

        _refuse_windows(binary)
        yield NativeGuest(binary, limits, task, name or binary.stem)


def _refuse_windows(binary: Path) -> None:
    if sys.platform == "win32":
        raise PluginError(f"plugin {binary.stem}: load: native plugins need Linux or macOS")
