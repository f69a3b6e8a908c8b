"""The driver of WebAssembly plugins: core modules and components, each in a sandbox of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lumos_dagster.accounting import Task
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.plugins.guest import Description, Guest, Limits, Rights

if TYPE_CHECKING:
    from lumos_dagster.plugins.wasm.dialects import Dialect
    from lumos_dagster.plugins.wasm.sandbox import Sandbox

_WHILE_ASKED = Limits(timeout_seconds=20.0, log_lines=100)


class WasmDriver:
    """Loads .wasm files; which ABI one speaks is told by what it exports."""

    def describe(self, binary: Path) -> Description:
        """What the guest says of itself, asked in a sandbox without any right."""
        with _started(binary, Rights(), _WHILE_ASKED, Cancellation()) as (dialect, _):
            return dialect.describe()

    @contextmanager
    def open(self, binary: Path, rights: Rights, limits: Limits, task: Task, name: str = "") -> Iterator[Guest]:
        """The guest, started within its rights and limits."""
        from lumos_dagster.plugins.wasm.guest import WasmGuest

        with _started(binary, rights, limits, task.cancellation, task.log, name) as (dialect, sandbox):
            yield WasmGuest(dialect, sandbox)


@contextmanager
def _started(
    binary: Path,
    rights: Rights,
    limits: Limits,
    cancellation: Cancellation,
    log: Callable[[str], None] = lambda _: None,
    name: str = "",
) -> Iterator["tuple[Dialect, Sandbox]"]:
    from lumos_dagster.plugins.wasm.dialects.detection import dialect_of
    from lumos_dagster.plugins.wasm.engine import load
    from lumos_dagster.plugins.wasm.sandbox import Sandbox

    sandbox = Sandbox(load(binary, name or binary.stem), limits, cancellation, log)
    try:
        dialect = dialect_of(sandbox, rights)
        dialect.start()
        yield dialect, sandbox
    finally:
        sandbox.close()
        sandbox.resources.close()
