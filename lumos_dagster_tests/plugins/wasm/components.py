"""Components written as WebAssembly text, made by wasm-tools out of the WIT packages that are shipped."""

import subprocess
import sys
from pathlib import Path

from lumos_dagster_tests.plugins.wasm.guests import data

WIT = Path(__file__).parents[3] / "lumos_dagster" / "plugins" / "wit"
TOOL = Path(sys.executable).with_name("wasm-tools")

_BASE = """
  (memory (export "memory") 2)
  (global $top (mut i32) (i32.const 65536))
  (func $alloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (block $fits (loop $more
      (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $fits (i32.eq (memory.grow (i32.const 1)) (i32.const -1)))
      (br $more)))
    (local.get $at))
  (func $pair (param i32 i32) (result i32)
    (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8))
  (func $ok (param i32 i32) (result i32)
    (i32.store (i32.const 8) (i32.const 0))
    (i32.store (i32.const 12) (local.get 0)) (i32.store (i32.const 16) (local.get 1)) (i32.const 8))"""


def version1(functions: str, *, init: str = "", imports: str = "") -> str:
    """A module to be a component of version 1; `init` is the body of that function."""
    return f"""(module {imports} {_BASE}
      (data (i32.const 1024) "guest")
      (func (export "lumos:plugin/plugin@1.0.0#get-metadata") (result i32)
        (i32.store (i32.const 2048) (i32.const 1024)) (i32.store (i32.const 2052) (i32.const 5)) (i32.const 2048))
      (func (export "lumos:plugin/plugin@1.0.0#get-type") (result i32) (i32.const 3))
      (func (export "lumos:plugin/plugin@1.0.0#init") {init})
      (func (export "lumos:plugin/plugin@1.0.0#shutdown"))
      {functions})"""


def version2(kind: str, functions: dict[str, str], imports: str = "") -> str:
    """A module to be a component of version 2, its functions given by name: parameters and body."""
    said = "guest"
    written = "\n".join(
        f'(func (export "lumos:plugin/{kind}@2.0.0#{name}") {body})' for name, body in functions.items()
    )
    return f"""(module {imports} {_BASE}
      (data (i32.const 1024) {data(said)})
      (func (export "lumos:plugin/plugin@2.0.0#describe") (result i32)
        (i32.store (i32.const 2048) (i32.const 1024)) (i32.store (i32.const 2052) (i32.const 5))
        (i32.store8 (i32.const 2088) (i32.const 7)) (i32.const 2048))
      {written})"""


def build(wat: str, wit: Path, world: str, folder: Path) -> Path:
    """The component, in `folder`."""
    source, core, made = folder / "guest.wat", folder / "core.wasm", folder / "guest.wasm"
    source.write_text(wat)
    _tool("component", "embed", wit, "--world", world, source, "-o", core)
    _tool("component", "new", core, "-o", made)
    return made


def _tool(*arguments: str | Path) -> None:
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
