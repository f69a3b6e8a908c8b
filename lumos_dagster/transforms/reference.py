"""The reference page of the operations, written from their classes: `python -m lumos_dagster.transforms.reference`."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from lumos_dagster.transforms.operation import NAME_KEYS, Operation
from lumos_dagster.transforms.operations import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
_HEAD = """# Operations

What the transformers `json`, `default` and `basic` do to rows, under `transforms:` or `operations:`, in order. An
operation names itself by `operation:` or `type:`. Every one takes `on_error`: what becomes of a bad value (`fail`, the
default; `null`, `reject` or `skip`). A field that is not there, a type that does not fit or a name that is taken is
found by `lumos validate` where the file alone tells the columns (the `columns` of a csv extractor, the `records` of a
memory one, and what transformers make of them), else when the source is opened, before the first row is read. The rows
below are written as YAML, exact decimals as text.

Everything is done to whole columns at once, in JSON documents too: a step of an `extract` path is taken in all of a
batch. Objects and lists may be 500 deep within each other.

This page is written by `python -m lumos_dagster.transforms.reference`.
"""


@dataclass(frozen=True)
class Documented:
    """An operation's docstring: what it does, its example (options, then lines `row -> rows`), what makes a bad row."""

    summary: str
    options: str
    rows: tuple[str, ...]
    bad: str


def documented(operation: type[Operation]) -> Documented:
    """The docstring, taken apart."""
    text = inspect.cleandoc(operation.__doc__ or "")
    text, _, bad = text.partition("\n\nBad value: ")
    summary, _, example = text.partition("\n\nExample:\n")
    options, *rows = inspect.cleandoc("\n" + example).splitlines() or [""]
    return Documented(summary, options, tuple(rows), bad)


def page() -> str:
    """The whole page."""
    names = [operation.names[0] for operation in OPERATIONS]
    index = ", ".join(f"[`{name}`](#{name})" for name in names)
    parts = [_HEAD, f"{index}\n", *(_section(operation) for operation in OPERATIONS)]
    return "\n".join(parts)


def _section(operation: type[Operation]) -> str:
    found = documented(operation)
    lines = [f"## {operation.names[0]}", "", found.summary, ""]
    if operation.names[1:]:
        lines += [f"Other spellings: {', '.join(f'`{name}`' for name in operation.names[1:])}.", ""]
    lines += ["| option | type | default | |", "|---|---|---|---|", *_options(operation), ""]
    lines += ["```yaml", f"- {found.options}", *(f"# {row}" for row in found.rows), "```", ""]
    if found.bad:
        lines += [f"Bad value: {' '.join(found.bad.split())}", ""]
    return "\n".join(lines)


def _options(operation: type[Operation]) -> Iterator[str]:
    schema = operation.model_json_schema()
    definitions = schema.get("$defs", {})
    spellings, texts = operation.option_names(), operation.option_texts()
    for option, field in operation.fields_by_option().items():
        if option == "on_error" and field.default is None:
            continue
        others = "".join(f", `{name}`" for name in spellings[option] if name not in NAME_KEYS or option == "to_type")
        described = schema["properties"].get(option, {})
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        text = " ".join(texts[option].split()).replace("|", "\\|")
        yield f"| `{option}`{others} | {_type(described, definitions)} | {default} | {text} |"


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value!r}`" if isinstance(value, str | int) else ""


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A JSON Schema in few words."""
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        kinds = [_type(one, definitions) for one in several if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    words = {"array": "list", "object": "mapping", "string": "text", "boolean": "true / false"}
    kind = schema.get("type", "anything")
    return words.get(kind, re.sub("_", " ", kind))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
