"""`lumos:plugin@1`: components of the first WIT, each row a record of one JSON text."""

import json
from typing import Any

import pyarrow as pa
from wasmtime.component import Record

from lumos_dagster.plugins.guest import Description, Kind, Rights
from lumos_dagster.plugins.wasm.component import ComponentInstance
from lumos_dagster.plugins.wasm.dialects import Rows
from lumos_dagster.plugins.wasm.dialects.metadata import KINDS, described
from lumos_dagster.plugins.wasm.rows.writing import to_json_lines
from lumos_dagster.plugins.wasm.sandbox import Sandbox

ABI = "lumos:plugin@1"


class ComponentV1:
    """Guests of this ABI."""

    batch_rows = 10_000

    def __init__(self, sandbox: Sandbox, rights: Rights) -> None:
        self._sandbox = sandbox
        self._component = ComponentInstance(sandbox, rights)
        self._options = "{}"
        self._begun = False

    def start(self) -> None:
        """Instantiate it, and call its `init`."""
        self._sandbox.call("instantiate", self._component.start)
        if "plugin" in self._component.exports:
            self._call("plugin", "init")

    def describe(self) -> Description:
        """What its interface `plugin` tells, if it has one, and what it exports."""
        said: dict[str, Any] = {}
        if "plugin" in self._component.exports:
            said = dict(vars(self._call("plugin", "get-metadata")))
            said["plugin_type"] = self._call("plugin", "get-type")
        kinds = tuple(kind for kind in KINDS if kind in self._component.exports)
        needs = ("net",) if self._component.needs_network else ()
        return described(self._sandbox, ABI, said, kinds, needs)

    def open(self, kind: Kind, options: str) -> None:
        """Keep the options for the calls to come."""
        if kind == "transformer" and json.loads(options):
            raise self._sandbox.reported("config", f"takes no options, as its ABI {ABI} has no way to give them")
        self._options = options

    def next(self) -> Rows | None:
        """One call of `extract` gives all rows."""
        if self._begun:
            return None
        self._begun = True
        return self._rows(self._call("extractor", "extract", self._options))

    def apply(self, rows: pa.RecordBatch) -> Rows:
        """One call of `transform`."""
        return self._rows(self._call("transformer", "transform", _records(rows)))

    def write(self, rows: pa.RecordBatch) -> int:
        """One call of `load`."""
        count = self._call("loader", "load", _records(rows), self._options)
        if isinstance(count, str):
            raise self._sandbox.reported_text(count)
        return int(count)

    def commit(self) -> None:
        """The ABI has no commit: what was loaded is loaded."""

    def abort(self) -> None:
        """The ABI has no way back."""

    def close(self) -> None:
        """Call its `shutdown`."""
        if self._sandbox.alive and "plugin" in self._component.exports:
            self._call("plugin", "shutdown")

    def _rows(self, answer: Any) -> str:
        if isinstance(answer, str):
            raise self._sandbox.reported_text(answer)
        return f"[{','.join(record.data for record in answer)}]"

    def _call(self, interface: str, name: str, *arguments: Any) -> Any:
        return self._sandbox.call(name, self._component.invoke, interface, name, *arguments)


def _records(rows: pa.RecordBatch) -> list[Record]:
    records = []
    for line in to_json_lines(rows):
        record = Record()
        record.data = line  # type: ignore[attr-defined]
        records.append(record)
    return records
