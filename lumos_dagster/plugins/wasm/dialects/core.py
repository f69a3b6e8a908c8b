"""`lumos-core/1`: a core module whose functions take and give (pointer << 32 | length) in its own memory.

See include/lumos_core.h, which is the ABI's description as well as its header.
"""

from typing import Any

import pyarrow as pa

from lumos_dagster.plugins.guest import Description, Kind, Rights
from lumos_dagster.plugins.wasm.dialects import Rows
from lumos_dagster.plugins.wasm.dialects.metadata import described, document, kinds_of
from lumos_dagster.plugins.wasm.module import CoreModule, exported
from lumos_dagster.plugins.wasm.rows.ipc import from_ipc, to_ipc
from lumos_dagster.plugins.wasm.rows.writing import to_json
from lumos_dagster.plugins.wasm.sandbox import Sandbox

ABI = "lumos-core/1"
_IPC = b"\xff\xff\xff\xff"
_NEVER = 1 << 63


class Core:
    """Guests of this ABI."""

    batch_rows = 65_536

    def __init__(self, sandbox: Sandbox, rights: Rights) -> None:
        self._sandbox = sandbox
        self._module = CoreModule(sandbox, rights)
        self._options = b"{}"
        self._arrow = False
        self._begun = False

    def start(self) -> None:
        """Instantiate it, and ask in which form it wants its rows."""
        self._sandbox.call("instantiate", self._module.start)
        self._arrow = self._metadata().get("encoding", "json") == "arrow"

    def describe(self) -> Description:
        """What get_metadata gives, and what it exports."""
        return described(self._sandbox, ABI, self._metadata(), kinds_of(exported(self._sandbox.code.unit)))

    def open(self, kind: Kind, options: str) -> None:
        """Keep the options for the calls to come."""
        self._options = options.encode()

    def next(self) -> Rows | None:
        """The first call is `extract`, the others `next`; one that gives nothing at all ends it."""
        if self._begun:
            if self._module.parameters("next") is None:
                return None
            return self._rows("next")
        self._begun = True
        return self._rows("extract", self._options)

    def apply(self, rows: pa.RecordBatch) -> Rows:
        """One call of `transform`, with the options where it takes them."""
        data = self._encoded(rows)
        takes_options = self._module.parameters("transform") == 2
        changed = self._rows("transform", data, *[self._options] * takes_options)
        return b"" if changed is None else changed

    def write(self, rows: pa.RecordBatch) -> int:
        """One call of `load`."""
        answer = self._answer("load", self._encoded(rows), self._options)
        count = answer.get("rows") if isinstance(answer, dict) else answer
        if not isinstance(count, int) or isinstance(count, bool):
            raise self._sandbox.error(f"gave {answer!r} where the number of rows that it has loaded was expected")
        return count

    def commit(self) -> None:
        """One call of `commit`, where there is one."""
        if self._module.parameters("commit") is not None:
            self._answer("commit")

    def abort(self) -> None:
        """One call of `abort`, where there is one."""
        if self._module.parameters("abort") is not None:
            self._answer("abort")

    def close(self) -> None:
        """Nothing is to be done."""

    def _metadata(self) -> dict[str, Any]:
        answer = self._answer("get_metadata")
        if not isinstance(answer, dict):
            raise self._sandbox.error("gave something other than a JSON object")
        return answer

    def _encoded(self, rows: pa.RecordBatch) -> bytes:
        return to_ipc(rows) if self._arrow else to_json(rows).encode()

    def _rows(self, name: str, *arguments: bytes) -> Rows | None:
        data = self._call(name, *arguments)
        if not data:
            return None
        if data.startswith(_IPC):
            return from_ipc(data, self._sandbox.error)
        return self._unless_error(document(data, self._sandbox)) if data.lstrip()[:1] == b"{" else data

    def _answer(self, name: str, *arguments: bytes) -> Any:
        data = self._call(name, *arguments)
        return self._unless_error(document(data, self._sandbox)) if data else None

    def _unless_error(self, answer: Any) -> Any:
        if isinstance(answer, dict) and "error" in answer:
            match answer["error"]:
                case {"kind": "config" | "transient" | "data" | "fatal" as kind, "message": str(text)}:
                    raise self._sandbox.reported(kind, text)
                case error:
                    raise self._sandbox.reported_text(str(error))
        return answer

    def _call(self, name: str, *arguments: bytes) -> bytes:
        return self._sandbox.call(name, self._exchange, name, arguments)

    def _exchange(self, name: str, arguments: tuple[bytes, ...]) -> bytes:
        module = self._module
        places = []
        for argument in arguments:
            pointer = module.invoke("alloc", len(argument)) or 0
            if not pointer and argument:
                raise self._sandbox.error(f"its alloc has no room for {len(argument)} bytes")
            module.memory.write(pointer, argument)
            places.append((pointer & 0xFFFFFFFF, len(argument)))
        packed = module.invoke(name, *(_signed(pointer << 32 | length) for pointer, length in places))
        if packed is None:
            return b""
        result = (packed >> 32 & 0xFFFFFFFF, packed & 0xFFFFFFFF)
        data = module.memory.read(*result)
        if module.parameters("dealloc") == 2:
            for pointer, length in dict([result, *places[::-1]]).items() if result[1] else places[::-1]:
                module.invoke("dealloc", _signed32(pointer), _signed32(length))
        return data


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= _NEVER else number


def _signed32(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number
