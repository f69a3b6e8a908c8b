"""How fast rows go through WebAssembly plugins: prints a Markdown table. Run: python benchmarks/plugins.py."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from lumos_dagster.accounting import Book, Task
from lumos_dagster.plugins.guest import Limits, Rights
from lumos_dagster.plugins.native.driver import NativeDriver
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster.values import RunContext

PROJECT = Path(__file__).parents[1]
ROWS = 100_000
NATIVE_ROWS = 4_000_000
NATIVE = PROJECT / "plugins" / "normalize-native" / "normalize-native.so"
ECHO_V1 = """(module (memory (export "memory") 2) (global $top (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (block $fits (loop $more
      (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.const 16))) (br $more)))
    (local.get $at))
  (func (export "lumos:plugin/plugin@1.0.0#get-metadata") (result i32) (i32.const 1024))
  (func (export "lumos:plugin/plugin@1.0.0#get-type") (result i32) (i32.const 1))
  (func (export "lumos:plugin/plugin@1.0.0#init"))
  (func (export "lumos:plugin/plugin@1.0.0#shutdown"))
  (func (export "lumos:plugin/transformer@1.0.0#transform") (param i32 i32) (result i32)
    (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8))
  (func (export "cabi_post_lumos:plugin/transformer@1.0.0#transform") (param i32)
    (global.set $top (i32.const 65536))))"""


def main() -> None:
    """Measure each form, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=9, help="runs of each; their median is told")
    repeat = parser.parse_args().repeat
    rows = pa.table({
        "id": pa.array(range(ROWS)),
        "email": [f" User{number}@Example.COM " if number % 7 else None for number in range(ROWS)],
        "amount": [number * 1.1 for number in range(ROWS)],
    }).combine_chunks()  # fmt: skip
    options = {"field": "email", "to": "email"}
    print(f"{ROWS:,} rows of three columns, median of {repeat} runs, milliseconds\n")
    print("| form | open | rows | of which JSON |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        shared = {
            "core module over Arrow (C)": "normalize-core",
            "component v2 over JSON (C)": "normalize-component",
            "core module over JSON (AssemblyScript)": "normalize-assemblyscript",
        }
        forms = [(name, PROJECT / "plugins" / plugin / f"{plugin}.wasm", options) for name, plugin in shared.items()]
        forms.append(("component v1, a record a row (gives back what it got)", _v1(Path(folder)), {}))
        for name, path, given in forms:
            opened, through = _guest(path, rows, given, folder, repeat)
            conversion = 0.0 if "Arrow" in name else _json(rows, repeat)
            print(f"| {name} | {opened:.1f} | {through:.1f} | {conversion:.1f} |")
        started, through, copied = _native(folder, options, repeat)
    millions = NATIVE_ROWS / 1_000_000
    print(f"\nEach million of {NATIVE_ROWS:,} rows through a native transform: {through / millions:.1f}")
    print("milliseconds, from the first row to the last, both ways through shared memory; starting its process takes")
    print(f"{started:.0f} before. Only copying a million of those rows takes {copied / millions:.1f}.")


def _guest(path: Path, rows: pa.Table, options: dict[str, str], folder: str, repeat: int) -> tuple[float, float]:
    """Milliseconds to open it from the compiled cache, and to take all rows through it."""
    driver = WasmDriver()
    driver.describe(path)
    opened, through = [], []
    for _ in range(repeat):
        task = Task("op", Book(RunContext("job", "run", "load", datetime.now(UTC), folder)))
        started = time.perf_counter()
        with driver.open(path, Rights(), Limits(), task) as guest:
            opened.append(time.perf_counter() - started)
            started = time.perf_counter()
            with guest.transform(json.dumps(options), rows.to_reader()) as changed:
                if changed.read_all().num_rows != ROWS:
                    raise SystemExit(f"{path}: rows are missing")
            through.append(time.perf_counter() - started)
    return statistics.median(opened) * 1000, statistics.median(through) * 1000


def _native(folder: str, options: dict[str, str], repeat: int) -> tuple[float, float, float]:
    """Milliseconds to start the process, to take all rows through it, and to copy the rows once, for comparison."""
    rows = pa.table({
        "id": pa.array(range(NATIVE_ROWS)),
        "email": pa.array([f" User{number}@X.com" for number in range(NATIVE_ROWS)]),
    }).combine_chunks()  # fmt: skip
    started, through, copied = [], [], []
    for _ in range(repeat):
        task = Task("op", Book(RunContext("job", "run", "load", datetime.now(UTC), folder)))
        begun = time.perf_counter()
        with (
            NativeDriver().open(NATIVE, Rights(), Limits(), task) as guest,
            guest.transform(json.dumps(options), rows.to_reader(65_536)) as changed,
        ):
            opened = time.perf_counter()
            seen = sum(batch.num_rows for batch in changed)
            ended = time.perf_counter()
        if seen != NATIVE_ROWS:
            raise SystemExit(f"{NATIVE}: rows are missing")
        started.append(opened - begun)
        through.append(ended - opened)
        copied.append(
            _median(lambda: [bytes(buffer) for column in rows for buffer in column.chunk(0).buffers() if buffer], 1)
        )
    return statistics.median(started) * 1000, statistics.median(through) * 1000, statistics.median(copied)


def _json(rows: pa.Table, repeat: int) -> float:
    """Milliseconds of the host to write the rows as JSON and to read them again."""
    from lumos_dagster.plugins.wasm.rows.shape import Shape
    from lumos_dagster.plugins.wasm.rows.writing import to_json

    def both() -> None:
        parts = [to_json(batch) for batch in rows.to_batches(max_chunksize=50_000)]
        Shape(RuntimeError, rows.schema).reader(parts, list).read_all()

    return _median(both, repeat)


def _median(work: Callable[[], None], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def _v1(folder: Path) -> Path:
    """A component of version 1 that gives back what it got; there is no faster one."""
    tool = Path(sys.executable).with_name("wasm-tools")
    wit = PROJECT / "lumos_dagster" / "plugins" / "wit" / "v1"
    (folder / "echo.wat").write_text(ECHO_V1)
    embed = ["embed", wit, "--world", "transformer-plugin", folder / "echo.wat", "-o", folder / "core.wasm"]
    for arguments in (embed, ["new", folder / "core.wasm", "-o", folder / "echo.wasm"]):
        subprocess.run([tool, "component", *arguments], check=True)
    return folder / "echo.wasm"


if __name__ == "__main__":
    main()
