"""The scalar functions of SQL expressions, vectorised; each takes formulas and gives one, or raises ValueError."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import polars as pl
import pyarrow as pa
from pyarrow import types

from lumos_dagster.conversion import as_text, convert, is_text
from lumos_dagster.conversion.kinds import Kind
from lumos_dagster.errors import DataError
from lumos_dagster.transforms.comparison import is_numeric
from lumos_dagster.transforms.formula import Formula, reads_of
from lumos_dagster.transforms.rows import Rows
from lumos_dagster.transforms.series import to_arrow, to_polars

Mask: TypeAlias = Callable[[Rows], pl.Series]
TEXT_CHANGES: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "upper": lambda text: text.str.to_uppercase(),
    "lower": lambda text: text.str.to_lowercase(),
    "trim": lambda text: text.str.strip_chars(),
    "ltrim": lambda text: text.str.strip_chars_start(),
    "rtrim": lambda text: text.str.strip_chars_end(),
    "reverse": lambda text: text.str.reverse(),
}
DATE_PARTS: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "year": lambda dates: dates.dt.year(),
    "month": lambda dates: dates.dt.month(),
    "day": lambda dates: dates.dt.day(),
}


def no_bad(rows: Rows) -> pl.Series:
    """No row is bad."""
    return pl.Series([False]).new_from_index(0, rows.height)


def strict(formula: Formula, inner: Sequence[Formula]) -> Formula:
    """A row is bad where one of the inner ones is, or where there is no value though all of them have one."""

    def bad(rows: Rows) -> pl.Series:
        found = formula.run(rows).is_null()
        for one in inner:
            found = found & one.run(rows).is_not_null()
        for one in inner:
            found = found | bad_of(one)(rows)
        return found

    return Formula(formula.type, formula.reads, formula.run, bad)


def bad_of(formula: Formula) -> Mask:
    """What marks the rows for which the formula failed."""
    return formula.bad or no_bad


def text_of(value: Formula) -> Formula:
    """The value as text."""
    if is_text(value.type):
        return value
    return Formula(pa.string(), value.reads, lambda rows: to_polars(as_text(to_arrow(value.run(rows)))), value.bad)


def cast(value: Formula, kind: pa.DataType, *, lenient: bool = False) -> Formula:
    """The value in another type, exactly; what does not fit is bad, or null where the cast is lenient."""
    if value.type == kind:
        return value
    there: Kind = value.type
    try:
        convert(pa.nulls(0, there), kind)
    except DataError as error:
        raise ValueError(str(error)) from error
    found = Formula(kind, value.reads, lambda rows: to_polars(convert(to_arrow(value.run(rows)), kind).values))
    return Formula(kind, found.reads, found.run, bad_of(value)) if lenient else strict(found, [value])


def alike(values: Sequence[Formula]) -> list[Formula]:
    """The values in one type: that of all, an exact number for numbers, text where one of them is text."""
    kinds: list[Kind] = list(dict.fromkeys(value.type for value in values if not types.is_null(value.type)))
    if not kinds:
        return [cast(value, pa.string()) for value in values]
    if any(is_text(kind) for kind in kinds):
        return [text_of(cast(value, pa.string()) if types.is_null(value.type) else value) for value in values]
    if len(kinds) == 1:
        return [cast(value, kinds[0]) for value in values]
    if not all(is_numeric(kind) for kind in kinds):
        raise ValueError(f"these are of different types: {', '.join(map(str, kinds))}. Cast them to one")
    if any(types.is_floating(kind) for kind in kinds):
        one: pa.DataType = pa.float64()
    elif all(types.is_integer(kind) for kind in kinds):
        one = pa.int64()
    else:
        one = pa.decimal128(38, max(kind.scale if types.is_decimal(kind) else 0 for kind in kinds))
    return [cast(value, one) for value in values]


def choose(conditions: Sequence[Formula], values: Sequence[Formula]) -> Formula:
    """The value of the first condition that holds, else the last one; only the chosen value can be bad."""
    same = alike(values)

    def chosen(rows: Rows, of: Callable[[Formula], pl.Series]) -> pl.Series:
        found = of(same[-1])
        for condition, value in reversed(list(zip(conditions, same[:-1], strict=True))):
            found = of(value).zip_with(condition.run(rows).fill_null(value=False), found)
        return found

    return Formula(
        same[0].type,
        reads_of(*conditions, *same),
        lambda rows: chosen(rows, lambda value: value.run(rows)),
        lambda rows: chosen(rows, lambda value: bad_of(value)(rows)),
    )


def coalesce(values: Sequence[Formula]) -> Formula:
    """The first value that is not null; a value that failed is bad, not passed over."""
    same = alike(values)

    def run(rows: Rows) -> pl.Series:
        found = same[0].run(rows)
        for value in same[1:]:
            if found.null_count():
                found = found.zip_with(found.is_not_null(), value.run(rows))
        return found

    def bad(rows: Rows) -> pl.Series:
        found, open_still = no_bad(rows), ~no_bad(rows)
        for value in same:
            found = found | (open_still & bad_of(value)(rows))
            open_still = open_still & value.run(rows).is_null()
        return found

    return Formula(same[0].type, reads_of(*same), run, bad)


def null_where(value: Formula, equal: Formula) -> Formula:
    """Null where the condition holds."""
    return Formula(
        value.type,
        reads_of(value, equal),
        lambda rows: value.run(rows).set(equal.run(rows).fill_null(value=False), None),
        bad_of(value),
    )


def extreme(values: Sequence[Formula], *, greatest: bool) -> Formula:
    """The greatest or least of the values that are not null."""
    same = alike(values)
    if is_text(same[0].type) and not all(is_text(value.type) for value in values):
        raise ValueError("text and numbers are compared here: cast the text first")
    pick = pl.max_horizontal if greatest else pl.min_horizontal

    def run(rows: Rows) -> pl.Series:
        frame = pl.DataFrame([value.run(rows).alias(str(place)) for place, value in enumerate(same)])
        return frame.select(pick(pl.all())).to_series()

    return Formula(same[0].type, reads_of(*same), run)


def joined(values: Sequence[Formula]) -> Formula:
    """The texts one behind another; null is passed over."""
    texts = [text_of(value) for value in values]

    def run(rows: Rows) -> pl.Series:
        frame = pl.DataFrame([text.run(rows).alias(str(place)) for place, text in enumerate(texts)])
        return frame.select(pl.concat_str(pl.all(), ignore_nulls=True)).to_series()

    return Formula(pa.string(), reads_of(*texts), run)


def part(text: Formula, start: int, length: int | None) -> Formula:
    """SQL's substr: the first character is 1, the last -1; no characters stand before the first."""
    if length is not None and length < 0:
        raise ValueError("the length is less than 0")
    if start < 0:
        most = -start if length is None else length
        return on_text(text, lambda texts: texts.str.tail(-start).str.head(most))
    if start == 0 and length is not None:
        length = max(length - 1, 0)
    return on_text(text, lambda texts: texts.str.slice(max(start - 1, 0), length))


def on_text(text: Formula, change: Callable[[pl.Series], pl.Series], kind: pa.DataType | None = None) -> Formula:
    """A function of one text."""
    return Formula(kind or pa.string(), text.reads, lambda rows: change(text.run(rows)))


def date_part(value: Formula, name: str) -> Formula:
    """A number out of a date or timestamp."""
    if not (types.is_date32(value.type) or types.is_timestamp(value.type)):
        raise ValueError(f"{name} needs a date or timestamp, but this is {value.type}: cast it first")
    take = DATE_PARTS[name]
    return Formula(pa.int64(), value.reads, lambda rows: take(value.run(rows)).cast(pl.Int64))


def power(base: Formula, exponent: Formula) -> Formula:
    """In floats; what has no real result is bad."""
    one, other = cast(base, pa.float64()), cast(exponent, pa.float64())

    def run(rows: Rows) -> pl.Series:
        found: pl.Series = one.run(rows) ** other.run(rows)
        return found.to_frame("r").select(pl.when(pl.col("r").is_finite()).then("r")).to_series()

    return Formula(pa.float64(), reads_of(base, exponent), run)
