"""The drivers by name, each imported when a plugin needs it, and no sooner."""

import importlib
from collections.abc import Mapping
from typing import Literal

from lumos_dagster.errors import PluginError
from lumos_dagster.plugins.guest import Driver

DriverName = Literal["python", "native", "wasm"]

SUFFIXES: Mapping[str, DriverName] = {".wasm": "wasm", ".so": "native", ".dll": "native", ".dylib": "native"}
"""Which driver takes a binary of that name."""
_CLASSES: Mapping[str, str] = {"wasm": "wasm.WasmDriver", "native": "native.driver.NativeDriver"}


def driver_named(name: str) -> Driver:
    """The driver. Raises PluginError for Python, which needs none."""
    if name not in _CLASSES:
        raise PluginError(f"{name} plugins are run by no driver")
    module, _, name_of_class = _CLASSES[name].rpartition(".")
    driver: Driver = getattr(importlib.import_module(f"lumos_dagster.plugins.{module}"), name_of_class)()
    return driver
