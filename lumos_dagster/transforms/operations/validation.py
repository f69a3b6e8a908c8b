"""The operation that holds values against a rule."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, TypeAlias

import polars as pl
import pyarrow as pa
from pydantic import AliasChoices, Field, model_validator

from lumos_dagster.accounting import OnError
from lumos_dagster.conversion import is_text
from lumos_dagster.transforms.columns import Columns, wrong_type
from lumos_dagster.transforms.comparison import check_value, tester
from lumos_dagster.transforms.operation import OnFields
from lumos_dagster.transforms.operations.patterns import Pattern
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.transforms.seen import Seen
from lumos_dagster.transforms.series import polars_holds

Rule: TypeAlias = Literal["not_null", "unique", "accepted", "range", "pattern", "length"]
_Judge: TypeAlias = Callable[[pl.Series], pl.Series]
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "not_null": (), "unique": (), "accepted": ("values",), "range": ("min", "max"), "pattern": ("pattern",),
    "length": ("min", "max"),
}  # fmt: skip


class Validate(OnFields):
    """Holds values against a rule; a row that breaks it is rejected, unless `on_error` says otherwise.

    Null breaks only `not_null`. `unique` looks at the whole stream and keeps the first of equal values; it remembers
    16 bytes of each.

    Example:
        {operation: validate, field: age, rule: range, min: 0, max: 130}
        {age: 36} -> {age: 36}
        {age: -1} -> bad

    Bad value: one that breaks the rule.
    """

    names = ("validate",)

    rule: Rule
    """not_null; unique; accepted, one of `values`; range, from `min` to `max`; pattern, which the whole text must
    match; length, from `min` to `max` characters."""
    values: tuple[Any, ...] = Field((), validation_alias=AliasChoices("values", "accepted"))
    """What is accepted, compared as filter_field compares."""
    min: Any = None
    """The least value, or length, that is accepted."""
    max: Any = None
    """The greatest value, or length, that is accepted."""
    pattern: Pattern | None = None
    """A regular expression without look-around and back references."""
    on_error: OnError | None = "reject"
    """What becomes of a row that breaks the rule: fail, null, reject or skip."""

    @model_validator(mode="after")
    def _fits_rule(self) -> Self:
        given = self.model_fields_set & {"values", "min", "max", "pattern"}
        allowed = _OPTIONS[self.rule]
        if given - set(allowed) or (allowed and not given):
            raise ValueError(f"rule {self.rule} takes {' and '.join(allowed) or 'no other option'}")
        if self.rule == "accepted":
            check_value("in", self.values)
        if self.rule == "length" and not all(_is_length(end) for end in (self.min, self.max)):
            raise ValueError("min and max of a length are whole numbers from 0")
        return self

    @property
    def in_turn(self) -> bool:
        """What was there before is known only after all batches before."""
        return self.rule == "unique"

    def bind(self, columns: Columns) -> Step:
        """The rule must fit the field's type."""
        judges = {field: self._judge(field, columns.type_of(field)) for field in self.fields}

        def step(rows: Rows) -> None:
            for field, judge in judges.items():
                bad = judge(rows.series(field)).fill_null(value=False)
                rows.judge(field, bad, self.check([field], lambda _: self._reason()), self.rule)

        return step

    def _judge(self, field: str, kind: pa.DataType) -> _Judge:
        """What marks the values that break the rule."""
        if self.rule in ("pattern", "length") and not is_text(kind):
            raise wrong_type(field, kind, "text")
        match self.rule:
            case "not_null":
                return lambda values: values.is_null()
            case "unique":
                if not polars_holds(kind):
                    raise wrong_type(field, kind, "a type whose values can be compared")
                return Seen().again
            case "accepted":
                matches = tester(kind, "in", self.values, "values")
                return lambda values: ~matches(values).fill_null(value=False) & values.is_not_null()
            case "pattern":
                whole = f"^(?:{self.pattern})$"
                return lambda text: ~text.str.contains(whole)
            case "length":
                return self._length
        ends = [
            tester(kind, operator, end, name)
            for operator, end, name in (("greater_or_equal", self.min, "min"), ("less_or_equal", self.max, "max"))
            if end is not None
        ]
        return lambda values: _any_fails(ends, values)

    def _length(self, text: pl.Series) -> pl.Series:
        size = text.str.len_chars().cast(pl.Int64)
        least, most = self.min or 0, self.max
        return (size < least) if most is None else (size < least) | (size > most)

    def _reason(self) -> str:
        ends = [f"{name} {end}" for name, end in (("min", self.min), ("max", self.max)) if end is not None]
        match self.rule:
            case "not_null":
                return "must not be null"
            case "unique":
                return "is not unique: it was there before"
            case "accepted":
                return f"is not one of {', '.join(map(repr, self.values))}"
            case "pattern":
                return f"does not match {self.pattern!r}"
        return f"{self.rule} is outside {', '.join(ends)}"


def _is_length(end: Any) -> bool:
    return end is None or (isinstance(end, int) and not isinstance(end, bool) and end >= 0)


def _any_fails(ends: list[_Judge], values: pl.Series) -> pl.Series:
    """What cannot be compared, such as NaN or a text that is no number, fails too."""
    bad = pl.Series([False]).new_from_index(0, len(values))
    for holds in ends:
        bad = bad | ~holds(values).fill_null(value=False)
    return bad & values.is_not_null()
