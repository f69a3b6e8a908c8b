"""The library's own WASI, for components, and for core modules that were granted files or environment."""

import contextlib
import os
import tempfile
from pathlib import Path

import wasmtime

from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.wasm.sandbox import Sandbox

WRITABLE = ":rw"
"""What stands behind a folder that a guest may change, too."""


def within(rights: Rights, sandbox: Sandbox) -> wasmtime.WasiConfig:
    """WASI with the folders and variables that were granted, and nothing else; what is printed becomes log.

    A guest sees a folder under the path that it has here. Raises PluginError where a folder is missing.
    """
    config = wasmtime.WasiConfig()
    folder = sandbox.resources.enter_context(tempfile.TemporaryDirectory(prefix="lumos-"))
    config.stdout_file, config.stderr_file = f"{folder}/stdout", f"{folder}/stderr"
    sandbox.watch = _Printed(sandbox, Path(folder))
    config.env = [(name, os.environ[name]) for name in rights.env if name in os.environ]
    for item in rights.fs:
        path = item.removesuffix(WRITABLE)
        if not Path(path).is_dir():
            raise sandbox.error(f"was granted the folder {path}, which is not there", "instantiate")
        config.preopen_dir(path, path, item.endswith(WRITABLE))
    return config


class _Printed:
    """Tells, each time it is called, what was printed since the last time."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._told = {folder / "stdout": 0, folder / "stderr": 0}

    def __call__(self) -> None:
        for path, told in self._told.items():
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(told)
                data = file.read(1 << 20)
                self._told[path] += len(data)
                self._sandbox.tell(data.decode(errors="replace"))
