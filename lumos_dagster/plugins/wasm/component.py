"""A component in its sandbox: what it may import, and the functions of the interfaces that it exports."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import wasmtime
from wasmtime.component import Component, Instance, Linker, LinkerInstance

from lumos_dagster.errors import PluginError
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.wasm.granted import within
from lumos_dagster.plugins.wasm.module import LOG_LEVELS, refuse_unlisted
from lumos_dagster.plugins.wasm.sandbox import Sandbox
from lumos_dagster.plugins.wasm.tcp import Tcp

_OURS = re.compile(r"(?:lumos:plugin/)?([a-z]+)(?:@(\d+)\.\d+\.\d+\S*)?")
_TCP = re.compile(r"lumos:cap/tcp@1\.\d+\.\d+\S*")
_WASI = re.compile(r"wasi:(cli|io|clocks|random|filesystem|sockets)/[a-z-]+@0\.2\.\d+")


def interfaces(unit: Component, engine: wasmtime.Engine) -> dict[str, tuple[str, int]]:
    """Which of our interfaces a component exports: name -> (full name, major version); one without a version is 1."""
    found = {}
    for export in unit.type.exports(engine):
        if match := _OURS.fullmatch(export):
            found[match[1]] = (export, int(match[2] or 1))
    return found


class ComponentInstance:
    """One instance; its functions are called within `sandbox.call` only."""

    def __init__(self, sandbox: Sandbox, rights: Rights) -> None:
        self._sandbox = sandbox
        self._rights = rights
        self._instance: Instance | None = None
        self.imports = list(self._unit.type.imports(sandbox.code.engine))
        self.exports = interfaces(self._unit, sandbox.code.engine)
        refuse_unlisted(sandbox, self.imports, _known)

    @property
    def needs_network(self) -> bool:
        """Whether it imports what only a grant gives."""
        return any(_TCP.fullmatch(name) for name in self.imports)

    def start(self) -> None:
        """Instantiate it."""
        sandbox = self._sandbox
        linker = Linker(sandbox.code.engine)
        if any(_WASI.fullmatch(name) for name in self.imports):
            linker.add_wasip2()
            sandbox.store.set_wasi(within(self._rights, sandbox))
        with linker.root() as root:
            for name in self.imports:
                if not _WASI.fullmatch(name):
                    with root.add_instance(name) as instance:
                        self._define(name, instance)
        self._instance = linker.instantiate(sandbox.store, self._unit)

    def invoke(self, interface: str, name: str, *arguments: Any) -> Any:
        """What the function gives. Raises what the library raises, and PluginError where there is no such function."""
        sandbox = self._sandbox
        if self._instance is None:
            raise sandbox.error("was not instantiated")
        index = self._instance.get_export_index(sandbox.store, self.exports[interface][0])
        inner = self._instance.get_export_index(sandbox.store, name, index)
        function = None if inner is None else self._instance.get_func(sandbox.store, inner)
        if function is None:
            raise sandbox.error(f"its interface {interface} has no function {name}")
        return function(sandbox.store, *arguments)

    @property
    def _unit(self) -> Component:
        unit = self._sandbox.code.unit
        if not isinstance(unit, Component):
            raise PluginError(f"plugin {self._sandbox.code.name}: is a core module where a component was expected")
        return unit

    def _define(self, name: str, instance: LinkerInstance) -> None:
        for function, does in self._functions(name).items():
            instance.add_func(function, self._sandbox.host(does))

    def _functions(self, name: str) -> Mapping[str, Callable[..., Any]]:
        say = self._sandbox.say
        if _TCP.fullmatch(name):
            tcp = Tcp(self._sandbox, self._rights.net)
            self._sandbox.resources.callback(tcp.close_all)
            return {
                "connect": lambda _, host, port: tcp.connect(host, port),
                "read": lambda _, connection, most: tcp.read(connection, most),
                "write": lambda _, connection, data: tcp.write(connection, data),
                "close": lambda _, connection: tcp.close(connection),
            }
        match = _OURS.fullmatch(name)
        if match and match[1] == "logging" and int(match[2] or 1) == 1:
            return {level: lambda _, text, level=level: say(f"{level}: {text}") for level in LOG_LEVELS}
        if match and match[1] == "logging":
            return {"log": lambda _, level, text: say(f"{level}: {text}")}
        return {}  # only types


def _known(name: str) -> bool:
    ours = _OURS.fullmatch(name)
    return bool((ours and ours[1] in ("logging", "types")) or _TCP.fullmatch(name) or _WASI.fullmatch(name))
