"""A core module in its sandbox: what it may import, what it exports, and bytes passed in and out of its memory."""

from collections.abc import Callable
from typing import Any

import wasmtime

from lumos_dagster.errors import PluginError
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.wasm.granted import within
from lumos_dagster.plugins.wasm.linear import Linear
from lumos_dagster.plugins.wasm.sandbox import Sandbox
from lumos_dagster.plugins.wasm.wasi import MODULE as WASI
from lumos_dagster.plugins.wasm.wasi import Wasi, memory_of

LOG_LEVELS = ("debug", "info", "warn", "error")


class CoreModule:
    """One instance; its functions are called within `sandbox.call` only."""

    def __init__(self, sandbox: Sandbox, rights: Rights) -> None:
        self._sandbox = sandbox
        self._rights = rights
        self._exports: Any = None
        self._linear: Linear | None = None
        refuse_unlisted(sandbox, [f"{wish.module}.{wish.name}" for wish in _module(sandbox).imports], _granted)

    def start(self) -> None:
        """Instantiate it, which runs its start function."""
        sandbox, module = self._sandbox, _module(self._sandbox)
        linker = wasmtime.Linker(sandbox.code.engine)
        wasi = Wasi(sandbox)
        reaches_out = bool(self._rights.fs or self._rights.env)
        if reaches_out:
            linker.define_wasi()
            sandbox.store.set_wasi(within(self._rights, sandbox))
        for wish in module.imports:
            if reaches_out and wish.module == WASI:
                continue
            kind = wish.type
            if not isinstance(kind, wasmtime.FuncType):
                raise sandbox.error(f"imports {wish.module}.{wish.name}, which is no function")
            function = wasi.function(str(wish.name)) if wish.module == WASI else self._host_function(str(wish.name))
            linker.define_func(wish.module, str(wish.name), kind, sandbox.host(function), access_caller=True)
        self._exports = linker.instantiate(sandbox.store, module).exports(sandbox.store)
        memory = self._exports.get("memory")
        if not isinstance(memory, wasmtime.Memory):
            raise sandbox.error("exports no memory")
        self._linear = Linear(memory, sandbox.store)
        sandbox.memory_used = lambda: self.memory.size
        if isinstance(self._exports.get("_initialize"), wasmtime.Func):  # what compilers for WASI reactors emit
            self.invoke("_initialize")

    @property
    def memory(self) -> Linear:
        """Its memory. Raises PluginError before it was started."""
        if self._linear is None:
            raise self._sandbox.error("was not instantiated")
        return self._linear

    def parameters(self, name: str) -> int | None:
        """How many parameters the function `name` has; None where there is no such function."""
        function = exported(_module(self._sandbox)).get(name)
        return len(function.params) if function else None

    def invoke(self, name: str, *arguments: int) -> int | None:
        """What the function gives. Raises what the library raises, and PluginError where there is no such function."""
        function = self._exports.get(name)
        if not isinstance(function, wasmtime.Func):
            raise self._sandbox.error(f"exports no function {name}")
        result: int | None = function(self._sandbox.store, *arguments)
        return result

    def _host_function(self, name: str) -> Callable[..., None]:
        return self._abort if name == "abort" else self._log

    def _log(self, caller: wasmtime.Caller, level: int, pointer: int, length: int) -> None:
        text = memory_of(caller).read(pointer, length).decode(errors="replace")
        self._sandbox.say(f"{LOG_LEVELS[level] if 0 <= level < len(LOG_LEVELS) else 'info'}: {text}")

    def _abort(self, caller: wasmtime.Caller, message: int, file: int, line: int, column: int) -> None:
        """What AssemblyScript calls when an assertion fails; its texts are UTF-16, their length lies before them."""
        memory = memory_of(caller)

        def text(pointer: int) -> str:
            return memory.read(pointer, memory.number(pointer - 4)).decode("utf-16-le", errors="replace")

        where = f" ({text(file)}:{line}:{column})" if file else ""
        raise self._sandbox.error(f"aborted: {text(message) if message else 'without a reason'}{where}")


def exported(code: Any) -> dict[str, wasmtime.FuncType]:
    """The functions that a core module exports."""
    return {export.name: export.type for export in code.exports if isinstance(export.type, wasmtime.FuncType)}


def refuse_unlisted(sandbox: Sandbox, wishes: list[str], granted: Callable[[str], bool]) -> None:
    """Raise one PluginError that names everything that a guest imports and may not."""
    unlisted = [wish for wish in wishes if not granted(wish)]
    if unlisted:
        raise sandbox.error(f"imports what no guest is given: {', '.join(unlisted)}", "instantiate")


def _granted(wish: str) -> bool:
    return wish.startswith(f"{WASI}.") or wish in ("lumos.log", "env.abort")


def _module(sandbox: Sandbox) -> wasmtime.Module:
    unit = sandbox.code.unit
    if not isinstance(unit, wasmtime.Module):
        raise PluginError(f"plugin {sandbox.code.name}: is a component where a core module was expected")
    return unit
