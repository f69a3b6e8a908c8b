"""`lumos:plugin@2`: components whose rows cross as one JSON text for each batch."""

from typing import Any

import pyarrow as pa
from wasmtime.component import Variant

from lumos_dagster.plugins.guest import Description, Kind, Rights
from lumos_dagster.plugins.wasm.component import ComponentInstance
from lumos_dagster.plugins.wasm.dialects import Rows
from lumos_dagster.plugins.wasm.dialects.metadata import KINDS, described
from lumos_dagster.plugins.wasm.rows.writing import to_json
from lumos_dagster.plugins.wasm.sandbox import Sandbox

ABI = "lumos:plugin@2"


class ComponentV2:
    """Guests of this ABI."""

    batch_rows = 20_000

    def __init__(self, sandbox: Sandbox, rights: Rights) -> None:
        self._sandbox = sandbox
        self._component = ComponentInstance(sandbox, rights)
        self._kind: Kind = "transformer"

    def start(self) -> None:
        """Instantiate it."""
        self._sandbox.call("instantiate", self._component.start)

    def describe(self) -> Description:
        """What its interface `plugin` tells, if it has one, and what it exports."""
        said: dict[str, Any] = {}
        if "plugin" in self._component.exports:
            said = dict(vars(self._call("describe", interface="plugin")))
            said["options"] = said.get("options-schema")
            said["kinds"] = sorted(said.get("kinds", ()))
        kinds = tuple(kind for kind in KINDS if kind in self._component.exports)
        needs = ("net",) if self._component.needs_network else ()
        return described(self._sandbox, ABI, said, kinds, needs)

    def open(self, kind: Kind, options: str) -> None:
        """Call `open`."""
        self._kind = kind
        self._call("open", options)

    def next(self) -> Rows | None:
        """Call `next`."""
        rows: str | None = self._call("next", self.batch_rows)
        return rows

    def apply(self, rows: pa.RecordBatch) -> Rows:
        """Call `apply`."""
        changed: str = self._call("apply", to_json(rows))
        return changed

    def write(self, rows: pa.RecordBatch) -> int:
        """Call `write`."""
        return int(self._call("write", to_json(rows)))

    def commit(self) -> None:
        """Call `commit`."""
        self._call("commit")

    def abort(self) -> None:
        """Call `abort`."""
        self._call("abort")

    def close(self) -> None:
        """Call `close`, which a loader has not got: its end is `commit` or `abort`."""
        if self._sandbox.alive and self._kind != "loader":
            self._call("close")

    def _call(self, name: str, *arguments: Any, interface: str = "") -> Any:
        answer = self._sandbox.call(name, self._component.invoke, interface or self._kind, name, *arguments)
        if isinstance(answer, Variant):
            raise self._sandbox.reported(answer.tag, str(answer.payload))
        return answer
