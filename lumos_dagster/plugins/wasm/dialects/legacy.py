"""`lumos-legacy`: core modules by the convention of the original's binaries, whose rows are texts only.

They export `memory`, `get_metadata()`, `extract(options)`, `transform(records)` and `load(records, options)`; each
argument and result is the i32 address of a little-endian u32 length with that much UTF-8 JSON behind it, and a result
that is not positive a failure without a reason. Options go in as {"options": {name: text}}, records are
{id, source, timestamp, fields: {name: text}}, and a load gives {"Success": rows} or {"Error": reason}.

Arguments are put where the guest's `alloc` says; without one, behind a gap in memory that the host adds for itself.
"""

import json
from typing import Any

import pyarrow as pa

from lumos_dagster.conversion import as_text
from lumos_dagster.plugins.guest import Description, Kind, Rights
from lumos_dagster.plugins.wasm.dialects import Rows
from lumos_dagster.plugins.wasm.dialects.metadata import described, document, kinds_of
from lumos_dagster.plugins.wasm.module import CoreModule, exported
from lumos_dagster.plugins.wasm.rows.reading import plain
from lumos_dagster.plugins.wasm.sandbox import Sandbox

ABI = "lumos-legacy"
_GAP = 1 << 20
"""Bytes left to a guest that takes whatever lies behind its memory for its own, beside four times the arguments."""


class Legacy:
    """Guests of this ABI. All columns go in as fields, null ones left out, and all fields come out as columns."""

    batch_rows = 10_000

    def __init__(self, sandbox: Sandbox, rights: Rights) -> None:
        self._sandbox = sandbox
        self._module = CoreModule(sandbox, rights)
        self._options: dict[str, Any] = {}
        self._room = (0, 0)
        self._begun = False
        self._given = 0
        self._sent: set[str] = set()

    def start(self) -> None:
        """Instantiate it."""
        self._sandbox.call("instantiate", self._module.start)

    def describe(self) -> Description:
        """What get_metadata gives, and what it exports."""
        said = self._answer("get_metadata")
        if not isinstance(said, dict):
            raise self._sandbox.error("gave something other than a JSON object")
        return described(self._sandbox, ABI, said, kinds_of(exported(self._sandbox.code.unit)))

    def open(self, kind: Kind, options: str) -> None:
        """Keep the options for the calls to come."""
        found = {name: plain(value) for name, value in json.loads(options).items() if value is not None}
        if found and kind == "transformer":
            raise self._sandbox.reported("config", f"takes no options, as its ABI {ABI} has no way to give them")
        self._options = {"options": found}

    def next(self) -> Rows | None:
        """One call of `extract` gives all rows."""
        if self._begun:
            return None
        self._begun = True
        envelope = ("id", "source", "timestamp")
        return [
            {name: record[name] for name in envelope if name in record} | fields
            for record, fields in self._records("extract", self._options)
        ]

    def apply(self, rows: pa.RecordBatch) -> Rows:
        """One call of `transform`; a column of which no value was sent so far is there, and null."""
        columns = zip(rows.schema.names, rows.columns, strict=True)
        self._sent.update(name for name, column in columns if column.null_count < len(column))
        changed = self._records("transform", self._envelopes(rows))
        unsent = dict.fromkeys(name for name in rows.schema.names if name not in self._sent)
        return [unsent | fields for _, fields in changed]

    def write(self, rows: pa.RecordBatch) -> int:
        """One call of `load`."""
        match self._answer("load", self._envelopes(rows), self._options):
            case {"Success": int(count)}:
                return count
            case {"Error": reason}:
                raise self._sandbox.reported_text(str(reason))
            case answer:
                raise self._sandbox.error(
                    f'gave {answer!r} where {{"Success": rows}} or {{"Error": reason}} was expected'
                )

    def commit(self) -> None:
        """The ABI has no commit: what was loaded is loaded."""

    def abort(self) -> None:
        """The ABI has no way back."""

    def close(self) -> None:
        """Nothing is to be done."""

    def _envelopes(self, rows: pa.RecordBatch) -> list[dict[str, Any]]:
        names = rows.schema.names
        columns = [as_text(column).to_pylist() for column in rows.columns]
        records = []
        for number, values in enumerate(zip(*columns, strict=True), self._given + 1):
            fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            records.append(
                {
                    "id": fields.get("id", str(number)),
                    "source": fields.get("source", "lumos"),
                    "timestamp": fields.get("timestamp", ""),
                    "fields": fields,
                }
            )
        self._given += rows.num_rows
        return records

    def _records(self, name: str, argument: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The records of an answer, each with its fields."""
        match self._answer(name, argument):
            case {"Error": reason}:
                raise self._sandbox.reported_text(str(reason))
            case list(records):
                for number, record in enumerate(records, 1):
                    if not isinstance(record, dict) or not isinstance(record.get("fields"), dict):
                        raise self._sandbox.error(
                            f"gave {record!r} as record {number}, where one with fields was expected"
                        )
                return [(record, record["fields"]) for record in records]
            case answer:
                raise self._sandbox.error(f"gave a {type(answer).__name__} where an array of records was expected")

    def _answer(self, name: str, *arguments: Any) -> Any:
        texts = [json.dumps(argument, ensure_ascii=False, separators=(",", ":")).encode() for argument in arguments]
        data = self._sandbox.call(
            name, self._exchange, name, [len(text).to_bytes(4, "little") + text for text in texts]
        )
        if data is None:
            raise self._sandbox.reported("fatal", "reports a failure; its log lines may say which")
        return document(data, self._sandbox)

    def _exchange(self, name: str, arguments: list[bytes]) -> bytes | None:
        module = self._module
        places = self._placed(arguments)
        pointer = module.invoke(name, *places)
        if pointer is None or pointer <= 0:
            return None
        data = module.memory.read(pointer + 4, module.memory.number(pointer))
        if module.parameters("alloc") is None and pointer not in places:
            for place, argument in zip(places, arguments, strict=True):
                if module.memory.read(place, len(argument)) != argument:
                    raise self._sandbox.error(
                        "wrote over its argument: it takes memory that the host added for its own; let it export alloc"
                    )
        if module.parameters("alloc") == 1:
            for place, size in [(pointer, len(data) + 4), *zip(places, map(len, arguments), strict=True)]:
                match module.parameters("dealloc"):
                    case 1:
                        module.invoke("dealloc", place)
                    case 2:
                        module.invoke("dealloc", place, size)
        return data

    def _placed(self, arguments: list[bytes]) -> list[int]:
        """Where the arguments were put: where the guest's `alloc` says, or in memory that the host adds for itself."""
        module = self._module
        if module.parameters("alloc") == 1:
            places = [module.invoke("alloc", len(argument)) or 0 for argument in arguments]
        else:
            padded = [-(-len(argument) // 8) * 8 for argument in arguments]
            start, size = self._room
            if (needed := sum(padded)) > size:
                gap = _GAP + 4 * needed
                start = module.memory.grow(gap + needed) + gap
                self._room = (start, needed)
            places = [start + sum(padded[:at]) for at in range(len(padded))]
        for place, argument in zip(places, arguments, strict=True):
            if place <= 0:
                raise self._sandbox.error(f"its alloc has no room for {len(argument)} bytes")
            module.memory.write(place, argument)
        return places
