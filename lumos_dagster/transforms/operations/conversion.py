"""Operations that change a field's type."""

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias

import polars as pl
import pyarrow as pa
from pyarrow import types
from pydantic import AliasChoices, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lumos_dagster.conversion import as_text, convert, is_text
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.conversion.names import TYPE_NAMES, type_named
from lumos_dagster.errors import ConfigError, DataError, Problem
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.moments import UNIX_TOKENS, ZONE_TOKENS, in_zone, parse_format, write
from lumos_dagster.transforms.operation import OnFields
from lumos_dagster.transforms.operations.dates import ReadFormat, Zone, date_reader, not_there
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.transforms.series import to_arrow, to_polars

_JSON = "json"
_Way: TypeAlias = Callable[[Array], pl.Series]


class ConvertField(OnFields):
    """Gives fields another type, exactly; a value that does not fit is a bad value.

    Example:
        {operation: convert_field, field: price, type: "decimal(10,2)"}
        {price: "19.9"} -> {price: "19.90"}
        {price: many} -> bad

    Bad value: one that is not of the type, or would not stay exactly the same.
    """

    names = ("convert_field", "convert", "cast")

    to_type: str = Field(validation_alias=AliasChoices("to_type", "type"))
    """string, int, float, decimal(p,s), bool, date, time, timestamp, timestamptz, binary, or json: text that is valid
    JSON. Where the operation names itself by `type:`, this is written `to_type`."""
    format: ReadFormat | None = None
    """How a date, time or timestamp is spelled: moment's tokens or strftime's; without it, ISO 8601."""
    timezone: Zone | None = None
    """For a timestamp: the zone that the result tells, and in which a text without one is meant. A time that its clocks
    skip or show twice is a bad value."""

    @field_validator("to_type")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name.strip().lower() != _JSON:
            try:
                kind = type_named(name)
            except ValueError as error:
                raise ValueError(str(error).replace(TYPE_NAMES[-1], f"{TYPE_NAMES[-1]}, {_JSON}")) from error
            if types.is_decimal256(kind):
                raise ValueError(f"{name} has more than the 38 digits that a decimal can have here")
        return name

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        if self.timezone and not types.is_timestamp(self._target):
            raise ValueError(f"timezone is for a timestamp, not for {self.to_type}")
        dated = (is_text, types.is_date32, types.is_time, types.is_timestamp)
        if self.format and not any(is_one(self._target) for is_one in dated):
            raise ValueError(f"format is for dates, times and timestamps, not for {self.to_type}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """`type` is the operation's name or the target, so which keys are needed depends on it."""
        found = super().__get_pydantic_json_schema__(schema, handler)
        target = [{"required": ["to_type"]}, {"required": ["type"]}]
        named = {"required": ["type", "to_type"], "properties": {"type": {"enum": list(cls.names)}}}
        rules = [rule for rule in found.get("allOf", ()) if rule != {"oneOf": target}]
        needed = [name for name in found.get("required", ()) if name != "to_type"]
        either = [{"required": ["operation"], "oneOf": target}, named]
        return found | {"required": needed, "allOf": rules, "anyOf": either}

    @property
    def _target(self) -> Kind:
        if self.to_type.strip().lower() == _JSON:
            return pa.string()
        kind: Kind = type_named(self.to_type)
        return pa.timestamp(kind.unit, self.timezone) if self.timezone and types.is_timestamp(kind) else kind

    def bind(self, columns: Columns) -> Step:
        """A type that no value of the field's type could have is an error."""
        ways: dict[str, _Way] = {}
        kinds: dict[str, Kind] = {field: columns.type_of(field) for field in self.fields}
        for field, kind in kinds.items():
            try:
                ways[field] = self._way(field, kind)
                ways[field](pa.nulls(0, kind))
            except DataError as error:
                raise ConfigError(Problem(f"field {field!r}: {error}", path="type")) from error
            columns.put(field, self._target)
        spelled = f", spelled as {self.format!r}" if self.format else ""

        def step(rows: Rows) -> None:
            for field, way in ways.items():
                check = self.check([field], self._reason(kinds[field], f"is not {self.to_type}{spelled}"))
                rows.put_checked(field, way(rows.arrow(field)), check)

        return step

    def _reason(self, kind: pa.DataType, otherwise: str) -> Callable[[Sequence[Any]], str]:
        zone = self._target.tz if types.is_timestamp(self._target) else None
        if zone is None or not (is_text(kind) or types.is_timestamp(kind)):
            return lambda _: otherwise
        form = self.format if is_text(kind) else None
        return not_there(date_reader("", kind, form), kind, zone, otherwise)

    def _way(self, field: str, kind: pa.DataType) -> _Way:
        target = self._target
        if self.to_type.strip().lower() == _JSON:
            return _json
        if self.format is None or (is_text(kind) and is_text(target)):
            return lambda column: to_polars(convert(column, target).values)
        read = date_reader(field, kind, self.format)
        form = parse_format(self.format)
        if is_text(target):
            return lambda column: write(read(column), form)
        if not is_text(kind) and not form.has(UNIX_TOKENS):  # a date already: the format says how text is spelled
            return lambda column: to_polars(convert(column, target).values)
        if form.has(ZONE_TOKENS) and types.is_timestamp(target) and target.tz is None:
            raise DataError(
                "its format tells a zone, which a timestamp cannot hold: give timezone, or type timestamptz"
            )
        if not types.is_time(target) and not form.tells_the_date:
            raise DataError("its format has no year")

        def way(column: Array) -> pl.Series:
            moments = read(column)
            if types.is_time(target):
                return moments.wall.dt.time()
            if types.is_timestamp(target) and target.tz:
                moments = in_zone(moments, target.tz)
                return moments.utc.dt.replace_time_zone("UTC").dt.convert_time_zone(target.tz)
            return to_polars(convert(to_arrow(moments.wall), target).values)

        return way


def _json(column: Array) -> pl.Series:
    """Valid JSON stays as it is written; nested values, numbers and booleans are spelled as JSON."""
    text = to_polars(as_text(column))
    found = pl.col("text").str.json_path_match("$").is_not_null() | (pl.col("text").str.strip_chars() == "null")
    return text.to_frame("text").select(pl.when(found).then("text")).to_series()
