"""Files of the Singer format as tables: a few lines that know SCHEMA and RECORD, and nothing of any connector."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

_HERE = Path(__file__).parents[2].parent / "shared" / "suites"
FOLDER = Path(os.environ.get("LUMOS_SUITES", _HERE)) / "singer-target-streams"
KINDS: Mapping[str, pa.DataType] = {
    "integer": pa.int64(), "number": pa.float64(), "string": pa.string(), "boolean": pa.bool_(),
}  # fmt: skip

needs_the_suite = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason=f"THE SINGER STREAMS ARE NOT HERE: {FOLDER} is missing; set LUMOS_SUITES to have them run",
)


@dataclass
class Stream:
    """Records under one SCHEMA: `keys` are its key_properties; a further SCHEMA of the name begins another."""

    name: str
    keys: list[str]
    properties: dict[str, Any]
    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def table(self) -> pa.Table:
        """The records in the columns that the schema announces; what a record lacks is null."""
        return pa.table({
            name: pa.array([record.get(name) for record in self.records], arrow_type(kind))
            for name, kind in self.properties.items()
        })  # fmt: skip


def arrow_type(schema: Mapping[str, Any]) -> pa.DataType:
    """The Arrow type of a property; an object of unknown properties is JSON text in no store, and left out here."""
    for choice in schema.get("anyOf", ()):
        return arrow_type(choice)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    (kind,) = [kind for kind in kinds if kind != "null"]
    if kind == "array":
        return pa.list_(arrow_type(schema["items"]))
    if kind == "object":
        return pa.struct([(name, arrow_type(inner)) for name, inner in schema["properties"].items()])
    return KINDS[kind]


def streams(file: str) -> list[Stream]:
    """The streams of a file that have records, in order."""
    found: list[Stream] = []
    latest: dict[str, Stream] = {}
    for text in (FOLDER / f"{file}.singer").read_text("utf-8").splitlines():
        message = json.loads(text)
        if message["type"] == "SCHEMA":
            schema = message["schema"]
            keys = message.get("key_properties") or schema.get("key_properties") or []
            latest[message["stream"]] = Stream(message["stream"], keys, schema["properties"])
            found.append(latest[message["stream"]])
        elif message["type"] == "RECORD":
            latest[message["stream"]].records.append(message["record"])
    return [stream for stream in found if stream.records]
