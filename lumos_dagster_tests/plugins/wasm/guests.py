"""Guests written as WebAssembly text, small enough to be read, and what runs them."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import wasmtime

from lumos_dagster.accounting import Book, Task
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.plugins.guest import Guest, Limits, Rights
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster.values import RunContext

METADATA = {"name": "g", "version": "1.0"}


def core(
    body: str,
    metadata: dict[str, Any] | None = None,
    *,
    imports: str = "",
    kinds: Sequence[str] = ("transform",),
    extra: str = "",
) -> str:
    """A `lumos-core/1` module: `body` is what each of the functions does with $rows and $options; see `says`."""
    said = json.dumps({**METADATA, **(metadata or {})})
    parameters = {"extract": "(param $options i64)", "transform": "(param $rows i64) (param $options i64)"}
    functions = "\n".join(
        f'(func (export "{kind}") {parameters.get(kind, "(param $rows i64) (param $options i64)")} (result i64) {body})'
        for kind in kinds
    )
    return f"""(module {imports}
      (memory (export "memory") 2)
      (global $top (mut i32) (i32.const 65536))
      (data (i32.const 16) {data(said)})
      (func (export "get_metadata") (result i64) (i64.const {16 << 32 | len(said.encode())}))
      (func $alloc (export "alloc") (param $size i32) (result i32) (local $at i32)
        (local.set $at (global.get $top))
        (global.set $top (i32.add (global.get $top) (local.get $size)))
        (block $fits (loop $more
          (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
          (br_if $fits (i32.eq (memory.grow (i32.const 1)) (i32.const -1)))
          (br $more)))
        (local.get $at))
      {functions} {extra})"""


def says(text: str | bytes) -> str:
    """A body that gives this text; the text lies at 4096."""
    given = text.encode() if isinstance(text, str) else text
    return f"(i64.const {4096 << 32 | len(given)})) (data (i32.const 4096) {data(given)}"


def legacy(functions: str, metadata: dict[str, Any] | None = None, imports: str = "") -> str:
    """A `lumos-legacy` module with these functions."""
    said = json.dumps({**METADATA, "description": "", "plugin_type": "all", **(metadata or {})}).encode()
    return f"""(module {imports}
      (memory (export "memory") 1)
      (data (i32.const 16) {data(len(said).to_bytes(4, "little") + said)})
      (func (export "get_metadata") (result i32) (i32.const 16))
      {functions})"""


def framed(text: str) -> str:
    """Data of the legacy kind: a length and the text."""
    given = text.encode()
    return data(len(given).to_bytes(4, "little") + given)


def data(text: str | bytes) -> str:
    """Bytes as they stand in WebAssembly text."""
    return '"' + "".join(f"\\{byte:02x}" for byte in (text.encode() if isinstance(text, str) else text)) + '"'


class Guests:
    """Runs guests, and keeps what they log."""

    def __init__(self, folder: Path, run: RunContext) -> None:
        self.folder = folder
        self.run = run
        self.lines: list[str] = []
        self.cancellation = Cancellation()

    def binary(self, wat: str, name: str = "guest") -> Path:
        path = self.folder / f"{name}.wasm"
        path.write_bytes(wasmtime.wat2wasm(textwrap.dedent(wat)))
        return path

    @contextmanager
    def guest(self, wat: str | Path, rights: Rights = Rights(), **limits: Any) -> Iterator[Guest]:  # noqa: B008
        path = wat if isinstance(wat, Path) else self.binary(wat)
        with WasmDriver().open(path, rights, Limits(**limits), self.task()) as guest:
            yield guest

    def task(self) -> Task:
        return Task("op", Book(self.run, cancellation=self.cancellation, log=self.lines.append))

    def transform(
        self,
        wat: str | Path,
        rows: pa.Table,
        options: Any = None,
        *,
        batch: int | None = None,
        rights: Rights = Rights(),  # noqa: B008
        **limits: Any,
    ) -> pa.Table:
        with (
            self.guest(wat, rights, **limits) as guest,
            guest.transform(json.dumps(options or {}), rows.to_reader(batch)) as changed,
        ):
            return changed.read_all()

    def extract(self, wat: str | Path, options: Any = None, **limits: Any) -> pa.Table:
        with self.guest(wat, **limits) as guest, guest.extract(json.dumps(options or {})) as rows:
            return rows.read_all()

    def load(self, wat: str | Path, rows: pa.Table, options: Any = None, **limits: Any) -> int:
        with self.guest(wat, **limits) as guest:
            return guest.load(json.dumps(options or {}), rows.to_reader())
