"""Which ABI a guest speaks, told by what its binary exports."""

import wasmtime

from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.wasm.component import interfaces
from lumos_dagster.plugins.wasm.dialects import Dialect
from lumos_dagster.plugins.wasm.dialects.component1 import ComponentV1
from lumos_dagster.plugins.wasm.dialects.component2 import ComponentV2
from lumos_dagster.plugins.wasm.dialects.core import Core
from lumos_dagster.plugins.wasm.dialects.legacy import Legacy
from lumos_dagster.plugins.wasm.dialects.metadata import KINDS
from lumos_dagster.plugins.wasm.module import exported
from lumos_dagster.plugins.wasm.sandbox import Sandbox


def dialect_of(sandbox: Sandbox, rights: Rights) -> Dialect:
    """How to talk to the guest. Raises PluginError for one of an unknown ABI, or that imports what it may not."""
    unit = sandbox.code.unit
    if isinstance(unit, wasmtime.Module):
        return _core(sandbox, unit, rights)
    exports = interfaces(unit, sandbox.code.engine)
    majors = {major for name, (_, major) in exports.items() if name in KINDS}
    if majors == {1}:
        return ComponentV1(sandbox, rights)
    if majors == {2}:
        return ComponentV2(sandbox, rights)
    names = ", ".join(unit.type.exports(sandbox.code.engine)) or "nothing"
    raise sandbox.error(f"is of no known ABI: it exports {names}; known: lumos:plugin at version 1 or 2", "load")


def _core(sandbox: Sandbox, unit: wasmtime.Module, rights: Rights) -> Dialect:
    functions = exported(unit)
    results = [str(kind) for kind in functions["get_metadata"].results] if "get_metadata" in functions else []
    if results == ["i64"]:
        return Core(sandbox, rights)
    if results == ["i32"]:
        return Legacy(sandbox, rights)
    names = ", ".join(sorted(functions)) or "no function"
    raise sandbox.error(
        f"is of no known ABI: it exports {names}, but no get_metadata() that gives an i64 or an i32", "load"
    )
