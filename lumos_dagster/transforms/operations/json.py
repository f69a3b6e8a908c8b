"""Operations on JSON documents."""

import json
from typing import Any, Self

import polars as pl
import pyarrow as pa
from pyarrow import types
from pydantic import AliasChoices, Field, field_validator, model_validator

from lumos_dagster.conversion import is_text
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.conversion.names import type_named
from lumos_dagster.transforms.columns import Columns, wrong_type
from lumos_dagster.transforms.documents.grammar import Flags, malformed
from lumos_dagster.transforms.documents.objects import are_objects, read_objects, reader_of
from lumos_dagster.transforms.documents.search import Path
from lumos_dagster.transforms.documents.typed import as_json, each, shaped, typed
from lumos_dagster.transforms.operation import Names, Operation
from lumos_dagster.transforms.operations.text import text_of
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.transforms.series import to_arrow
from lumos_dagster.transforms.shape import shape_of

_JSON = "json"


class ParseJson(Operation):
    """Reads JSON text into objects and lists of the types that `shape` tells.

    Without a shape the text is held against JSON's grammar and stays text, for `extract` to look into.

    Example:
        {operation: parse_json, field: doc, shape: {id: int, tags: [string]}}
        {doc: '{"id": 7, "tags": ["a", "b"], "x": 0}'} -> {doc: {id: 7, tags: [a, b]}}

    Bad value: text that is not JSON, or does not have the shape. A key that is not there is null; one that the shape
    does not name is left out.
    """

    names = ("parse_json",)

    field: str
    """The text."""
    shape: Any = Field(None, validation_alias=AliasChoices("shape", "schema"))
    """The types: a type's name as for convert_field, `{key: shape}` for an object, `[shape]` for a list."""
    to: str | None = None
    """The field for the result; without it, `field` itself."""

    @field_validator("shape")
    @classmethod
    def _is_a_shape(cls, spec: Any) -> Any:
        if spec is not None:
            shape_of(spec)
        return spec

    def bind(self, columns: Columns) -> Step:
        """The field must be text, and `to` a new field."""
        columns.text(self.field)
        target = self.to or self.field
        columns.free(target, (self.field,), "to")
        shape = None if self.shape is None else shape_of(self.shape)
        kind = shape.type if shape else pa.string()
        columns.put(target, kind, (self.field,))
        check = self.check([self.field], lambda _: f"is not JSON of the shape {kind}" if shape else "is not JSON")

        def step(rows: Rows) -> None:
            column = rows.arrow(self.field)
            if shape:
                values, bad = each(column, lambda texts: shaped(texts, shape), lambda texts: read_objects(texts, shape))
            else:
                values, bad = each(column, _same, lambda texts: texts if are_objects(texts) else None)
            rows.put_arrow_checked(target, values, check, bad)

        return step


class Extract(Operation):
    """Takes a value out of a JSON document, or out of an object or list, by a JMESPath; null where there is none.

    Example:
        {operation: extract, field: doc, path: "items[0].price", to: price, to_type: "decimal(10,2)"}
        {doc: '{"items": [{"price": 1.50}]}'} -> {doc: '{"items": [{"price": 1.50}]}', price: "1.50"}

    Bad value: text that is not JSON, a function of the path that cannot take the value, or what is not of the type.
    """

    names = ("extract",)

    field: str
    """JSON text, or an object or list."""
    path: str
    """A JMESPath such as `user.name`, `items[0].price`, `tags[?kind=='x'].id | [0]`. Numbers stay exact; those that a
    function of the path calculates with may have 37 digits before the point and 38 behind it."""
    to: str | None = None
    """The field for the result; without it, `field` itself."""
    to_type: str = "string"
    """A type as for convert_field: for string, text comes as it is and anything else as JSON; json is JSON always."""

    @field_validator("path")
    @classmethod
    def _is_jmespath(cls, path: str) -> str:
        Path(path)
        return path

    @field_validator("to_type")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name != _JSON:
            type_named(name)
        return name

    def bind(self, columns: Columns) -> Step:
        """The field must be text or nested, and `to` a new field."""
        kind: Kind = columns.type_of(self.field)
        if not is_text(kind) and not types.is_nested(kind):
            raise wrong_type(self.field, kind, "JSON text, an object or a list")
        target = self.to or self.field
        columns.free(target, (self.field,), "to")
        result = pa.string() if self.to_type == _JSON else type_named(self.to_type)
        columns.put(target, result, (self.field,))
        path = Path(self.path)
        as_it_is = self.to_type == _JSON

        def find(texts: Array) -> tuple[Array, Flags]:
            documents, at, bad = path.search(texts)
            if as_it_is:
                return as_json(documents, at), bad
            values, wrong = typed(documents, at, result)
            return values, bad | wrong

        plainly = None if as_it_is else reader_of(path.parsed, result)
        check = self.check([self.field], lambda _: f"is not JSON in which {self.path} gives {self.to_type}")

        def step(rows: Rows) -> None:
            values, bad = each(rows.arrow(self.field), find, plainly)
            rows.put_arrow_checked(target, values, check, bad)

        return step


class ToJson(Operation):
    """Writes a field as JSON text, or several as one JSON object.

    Numbers and booleans stay what they are; dates and the like are texts, and so are the decimals inside of objects
    and lists.

    Example:
        {operation: to_json, fields: [id, name], to: doc}
        {id: 7, name: Ada} -> {id: 7, name: Ada, doc: '{"id":7,"name":"Ada"}'}

    Bad value: NaN or an infinity, which JSON has not.
    """

    names = ("to_json",)

    field: str | None = None
    """The field to write; null stays null."""
    fields: Names | None = None
    """The fields that become keys of one object, a null among them too; needs `to`."""
    to: str | None = None
    """The field for the result; without it, `field` itself."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.field is None) == (self.fields is None) or (self.fields is not None and self.to is None):
            raise ValueError("needs field, or fields and to")
        return self

    def bind(self, columns: Columns) -> Step:
        """The fields must be there; `to` must be new, or one of them."""
        reads = self.fields or (str(self.field),)
        kinds = {name: columns.type_of(name, "fields" if self.fields else "field") for name in reads}
        target = self.to or reads[0]
        columns.free(target, reads, "to")
        columns.put(target, pa.string(), reads)

        checks = [self.check([name], lambda _: "JSON has no such number") for name in kinds]

        def step(rows: Rows) -> None:
            for place, (name, kind) in enumerate(kinds.items()):
                text = _json_text(rows, name)
                bad = (
                    ~rows.series(name).is_finite().fill_null(value=True) if types.is_floating(kind) else _no_json(text)
                )
                rows.put_checked(f"\0{place}", text.set(bad, None), checks[place], bad)
            parts = [rows.series(f"\0{place}").alias(str(place)) for place in range(len(reads))]
            for place in range(len(reads)):
                rows.remove(f"\0{place}")
            if not self.fields:
                rows.put(target, parts[0])
                return
            pieces: list[pl.Expr] = []
            for place, name in enumerate(reads):
                pieces.append(pl.lit(f"{',' if place else '{'}{json.dumps(name, ensure_ascii=False)}:"))
                pieces.append(pl.col(str(place)).fill_null("null"))
            rows.put(target, pl.DataFrame(parts).select(pl.concat_str(*pieces, pl.lit("}"))).to_series())

        return step


def _json_text(rows: Rows, name: str) -> pl.Series:
    """The field's values as JSON."""
    values = rows.arrow(name)
    kind = values.type
    text = text_of(rows, name)
    unquoted = (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal, types.is_nested)
    if any(is_one(kind) for is_one in unquoted):
        return text
    quoted = pl.struct(v="text").struct.json_encode().str.strip_prefix('{"v":').str.strip_suffix("}")
    return text.to_frame("text").select(pl.when(pl.col("text").is_not_null()).then(quoted)).to_series()


def _no_json(text: pl.Series) -> pl.Series:
    """Where a number that JSON has not stands within objects or lists; what only looks like one is read to be told."""
    maybe = text.str.contains("NaN|Infinity").fill_null(value=False)
    bad = malformed(to_arrow(text.filter(maybe)))
    return maybe.scatter(maybe.arg_true(), pl.Series(bad)) if len(bad) else maybe


def _same(texts: Array) -> tuple[Array, Flags]:
    return texts, malformed(texts)
