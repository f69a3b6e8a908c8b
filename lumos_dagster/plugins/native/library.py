"""The C structures of `lumos_plugin.h`, and a shared library held against them."""

import ctypes
import json
import os
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_char, c_char_p, c_int32, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

ABI_MAJOR = 1
ABI = f"lumos-native/{ABI_MAJOR}"
KINDS = {"extractor": "extract", "transformer": "transform", "loader": "load"}
"""Each kind's entry in the struct, in the order of their numbers, from 1."""
_ERROR_KINDS = ("fatal", "transient", "config", "data")
_LARGEST_METADATA = 1 << 20


class BrokenContractError(Exception):
    """The library is no plugin, or does not keep to the ABI."""


class ReportedError(Exception):
    """What the plugin itself says is wrong: the kind, and its message."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.kind, self.text = kind, text


class Error(ctypes.Structure):
    """`lumos_error`."""

    _fields_ = (("struct_size", c_uint32), ("kind", c_int32), ("message", c_char * 2048))

    def reported(self, or_else: str = "") -> ReportedError:
        """What the plugin has written into it."""
        kind = _ERROR_KINDS[self.kind] if 0 <= self.kind < len(_ERROR_KINDS) else "fatal"
        return ReportedError(kind, self.message.decode(errors="replace") or or_else or "failed without a reason")


_Log = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)


class Host(ctypes.Structure):
    """`lumos_host`."""

    _fields_ = (("struct_size", c_uint32), ("cancelled", c_void_p), ("log", _Log))


class Plugin(ctypes.Structure):
    """`lumos_plugin` 1.0."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("abi_major", c_uint32),
        ("abi_minor", c_uint32),
        ("reserved", c_uint32),
        ("metadata_json", c_void_p),
        ("open", CFUNCTYPE(c_int32, POINTER(Host), c_int32, c_char_p, POINTER(c_void_p), POINTER(Error))),
        ("extract", CFUNCTYPE(c_int32, c_void_p, c_void_p, POINTER(Error))),
        ("transform", CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, POINTER(Error))),
        ("load", CFUNCTYPE(c_int32, c_void_p, c_void_p, POINTER(c_uint64), POINTER(Error))),
        ("close", CFUNCTYPE(None, c_void_p)),
    )


class Stream(ctypes.Structure):
    """`struct ArrowArrayStream`, empty until somebody fills it."""

    _fields_ = tuple((name, c_void_p) for name in ("schema", "next", "error", "release", "private"))

    @property
    def address(self) -> int:
        """Where it is."""
        return ctypes.addressof(self)


def load(binary: Path, during: Callable[[str], None]) -> Plugin:
    """The plugin in a library, its struct checked. Raises BrokenContractError; a bad library may end the process."""
    during("load")
    try:
        library = ctypes.CDLL(str(binary), mode=os.RTLD_LOCAL | os.RTLD_NOW)
    except OSError as error:
        raise BrokenContractError(f"it is no library that can be loaded here: {error}") from None
    try:
        entry = library.lumos_plugin_entry
    except AttributeError:
        raise BrokenContractError("it exports no lumos_plugin_entry") from None
    entry.restype, entry.argtypes = c_void_p, (c_uint32,)
    during("lumos_plugin_entry")
    address = entry(ABI_MAJOR)
    if not address:
        raise BrokenContractError(f"it does not speak version {ABI_MAJOR} of the ABI, the one of this host")
    size, major = c_uint32.from_address(address).value, c_uint32.from_address(address + 4).value
    if size < ctypes.sizeof(Plugin):
        raise BrokenContractError(
            f"its struct_size is {size}, less than the {ctypes.sizeof(Plugin)} bytes of version 1.0"
        )
    if major != ABI_MAJOR:
        raise BrokenContractError(f"its abi_major is {major}, this host speaks {ABI_MAJOR}")
    plugin = Plugin.from_address(address)
    if not any(getattr(plugin, entry) for entry in KINDS.values()):
        raise BrokenContractError("it has neither extract, transform nor load")
    return plugin


def metadata(plugin: Plugin) -> dict[str, Any]:
    """What the plugin says of itself, with the kinds that it gives. Raises BrokenContractError."""
    if not plugin.metadata_json:
        raise BrokenContractError("its metadata_json is NULL")
    text = ctypes.string_at(plugin.metadata_json)
    try:
        told = json.loads(text[:_LARGEST_METADATA])
    except ValueError as error:
        raise BrokenContractError(f"its metadata_json is no JSON: {error}") from None
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise BrokenContractError("its metadata_json is no object with a name")
    if not isinstance(told.setdefault("options", {}), dict):
        raise BrokenContractError("its metadata_json has options that are no JSON Schema")
    return {**told, "kinds": [kind for kind, entry in KINDS.items() if getattr(plugin, entry)]}


class Opened:
    """A plugin between `open` and `close`, called for one kind."""

    def __init__(self, plugin: Plugin, kind: str, cancelled: int, during: Callable[[str], None]) -> None:
        self._plugin, self._kind, self._during = plugin, kind, during
        self._state = c_void_p()
        self._log = _Log(_print)
        self._host = Host(ctypes.sizeof(Host), cancelled, self._log)
        self.error = Error(ctypes.sizeof(Error))

    def open(self, options: str) -> None:
        """Give the plugin its options."""
        if not getattr(self._plugin, KINDS[self._kind]):
            self._during(KINDS[self._kind])
            raise BrokenContractError(f"it is no {self._kind}")
        if self._plugin.open:
            number = list(KINDS).index(self._kind) + 1
            self._called("open", ctypes.byref(self._host), number, options.encode(), ctypes.byref(self._state))

    def extract(self, out: Stream) -> None:
        """Let it fill `out`."""
        self._called("extract", self._state, out.address)

    def transform(self, rows: Stream, out: Stream) -> None:
        """Let it fill `out` with what becomes of the rows."""
        self._called("transform", self._state, rows.address, out.address)

    def load(self, rows: Stream) -> int:
        """How many rows it says to have loaded."""
        loaded = c_uint64()
        self._called("load", self._state, rows.address, ctypes.byref(loaded))
        return loaded.value

    def close(self) -> None:
        """Let it clean up."""
        if self._plugin.close:
            self._during("close")
            self._plugin.close(self._state)

    def _called(self, name: str, *arguments: Any) -> None:
        self._during(name)
        if getattr(self._plugin, name)(*arguments, ctypes.byref(self.error)) != 0:
            raise self.error.reported()


def _print(_: int, level: int, message: bytes | None) -> None:
    """A line of log: the host reads what this process prints."""
    levels = ("debug", "info", "warning", "error")
    name = levels[level] if 0 <= level < len(levels) else "info"
    os.write(1, f"{name}: {(message or b'').decode(errors='replace')}\n".encode())
