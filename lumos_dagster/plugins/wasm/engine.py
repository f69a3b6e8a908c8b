"""The code of a guest: compiled once, then read in milliseconds from a folder that only this user can write."""

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import platformdirs
import wasmtime
from wasmtime.component import Component

from lumos_dagster.errors import PluginError

SETTINGS = {
    "epoch_interruption": True,  # a loop can be stopped
    "signals_based_traps": False,  # a trap is an error value, which no signal handler of the process can meet
    "parallel_compilation": False,  # a forked child would wait for threads that it does not have
    "max_wasm_stack": 1 << 20,
    "wasm_memory64": False,
    "wasm_threads": False,
}
KEPT = 64
"""Guests whose compiled code is kept; what was written longest ago goes first."""
_CORE, _COMPONENT = b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0"


@dataclass(frozen=True)
class Code:
    """A guest's compiled code, and an engine of its own, so that stopping the guest stops no other."""

    name: str
    engine: wasmtime.Engine
    unit: wasmtime.Module | Component


def load(binary: Path, name: str) -> Code:
    """The code of a WebAssembly file, called `name` in errors. PluginError for one that is none, or damaged."""
    try:
        wasm = binary.read_bytes()
    except OSError as error:
        raise PluginError(f"plugin {name}: {binary.name} cannot be read: {error.strerror}") from None
    if wasm[:8] not in (_CORE, _COMPONENT):
        raise PluginError(f"plugin {name}: {binary.name} is no WebAssembly module or component")
    kind = wasmtime.Module if wasm[:8] == _CORE else Component
    config = wasmtime.Config()
    for setting, value in SETTINGS.items():
        setattr(config, setting, value)
    engine = wasmtime.Engine(config)
    key = hashlib.sha256(wasm + f"{version('wasmtime')} {SETTINGS}".encode()).hexdigest()
    folder = _private_folder()
    try:
        unit = folder and _kept(kind, engine, folder / key)
        if not unit:
            unit = kind(engine, wasm)
            if folder:
                _keep(bytes(unit.serialize()), folder / key)
    except wasmtime.WasmtimeError as error:
        raise PluginError(f"plugin {name}: {binary.name} is not valid: {' '.join(str(error).split())}") from None
    return Code(name, engine, unit)


def _private_folder() -> Path | None:
    """Where compiled code is kept; None where somebody else could write there, since compiled code is not checked."""
    folder = Path(platformdirs.user_cache_dir("lumos")) / "wasm"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        return None
    return folder


def _kept(
    kind: type[wasmtime.Module] | type[Component], engine: wasmtime.Engine, path: Path
) -> wasmtime.Module | Component | None:
    """What was compiled before, if it is byte for byte what was written then."""
    try:
        digest = path.with_suffix(".sha256").read_text()
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                return None
        return kind.deserialize_file(engine, str(path))
    except (OSError, wasmtime.WasmtimeError):
        return None


def _keep(compiled: bytes, path: Path) -> None:
    """Write it and its digest; where that fails, it is compiled again the next time."""
    with contextlib.suppress(OSError):
        for target, data in (
            (path, compiled),
            (path.with_suffix(".sha256"), hashlib.sha256(compiled).hexdigest().encode()),
        ):
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(data)
            Path(file.name).replace(target)
        _sweep(path.parent)


def _sweep(folder: Path) -> None:
    """Remove the oldest, and what a process that was killed while it wrote has left. Others may do the same now."""
    written = {path: path.stat().st_mtime for path in folder.iterdir() if not path.suffix}
    for path in sorted(written, key=written.__getitem__, reverse=True)[KEPT:]:
        path.with_suffix(".sha256").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
