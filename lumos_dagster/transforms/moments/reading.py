"""Text to moments: the whole text must match the format, digit for digit, and the date must exist."""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise

import polars as pl

from lumos_dagster.transforms.moments.tokens import Format
from lumos_dagster.transforms.moments.values import US_PER_SECOND, Moments

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TWO = "[0-9]{2}"
_ONE_OR_TWO = "[0-9]{1,2}"
_ORDINAL = "(?i:st|nd|rd|th)"
_ISO_WEEK = {"iso_year", "iso_week", "iso_day"}
_ZONE = "Z|[+-][0-9]{2}:?[0-9]{2}"


def _names(words: tuple[str, ...], length: int | None = None) -> str:
    return f"(?i:{'|'.join(word[:length] for word in words)})"


_PATTERNS: Mapping[str, tuple[str, str]] = {
    "YYYY": ("year", "[0-9]{4}"), "YY": ("short_year", _TWO),
    "MMMM": ("month_name", _names(_MONTHS)), "MMM": ("month_name", _names(_MONTHS, 3)),
    "MM": ("month", _TWO), "M": ("month", _ONE_OR_TWO), "DD": ("day", _TWO), "D": ("day", _ONE_OR_TWO),
    "DDDD": ("year_day", "[0-9]{3}"), "DDD": ("year_day", "[0-9]{1,3}"),
    "dddd": ("day_name", _names(_DAYS)), "ddd": ("day_name", _names(_DAYS, 3)),
    "HH": ("hour", _TWO), "H": ("hour", _ONE_OR_TWO), "hh": ("half_hour", _TWO), "h": ("half_hour", _ONE_OR_TWO),
    "mm": ("minute", _TWO), "m": ("minute", _ONE_OR_TWO),
    "ss": ("second", "[0-5][0-9]"), "s": ("second", "[0-5]?[0-9]"),
    "A": ("half", "(?i:am|pm)"), "a": ("half", "(?i:am|pm)"), "ZZ": ("zone", _ZONE), "Z": ("zone", _ZONE),
    "X": ("unix", r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,6})?"), "x": ("unix_ms", "[+-]?[0-9]{1,15}"),
    "GGGG": ("iso_year", "[0-9]{4}"), "WW": ("iso_week", _TWO), "W": ("iso_week", _ONE_OR_TWO),
    "E": ("iso_day", "[1-7]"), "Q": ("quarter", "[1-4]"), "kk": ("late_hour", _TWO), "k": ("late_hour", _ONE_OR_TWO),
    "Do": ("day", _ONE_OR_TWO), "Mo": ("month", _ONE_OR_TWO), "DDDo": ("year_day", "[0-9]{1,3}"),
    **{"S" * count: ("fraction", f"[0-9]{{{count}}}") for count in range(1, 10)},
}  # fmt: skip

_PLAIN: Mapping[str, str] = {
    "YYYY": "%Y", "MM": "%m", "M": "%m", "DD": "%d", "D": "%d", "HH": "%H", "H": "%H", "mm": "%M", "m": "%M",
    "ss": "%S", "s": "%S",
}  # fmt: skip

ISO = (
    r"^(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
"""The pattern of ISO 8601, of which a format is only one form at a time."""


def pattern(form: Format) -> str:
    """The regular expression of a format. Raises ValueError where two tokens tell the same."""
    parts: list[str] = []
    seen: set[str] = set()
    for piece in form.pieces:
        if not piece.is_token:
            parts.append(re.escape(piece.text))
            continue
        if piece.text not in _PATTERNS:
            raise ValueError(f"the token {piece.text} can be written, but not read")
        name, expression = _PATTERNS[piece.text]
        if name in seen:
            raise ValueError(f"the token {piece.text} tells what another one tells already")
        seen.add(name)
        parts.append(f"(?P<{name}>{expression}){_ORDINAL if piece.text.endswith('o') else ''}")
    if bool(seen & _ISO_WEEK) and not seen >= {"iso_year", "iso_week"}:
        raise ValueError("a week is read as GGGG and WW, and E for its day, together")
    return f"^{''.join(parts)}$"


def reader(form: Format | None) -> Callable[[pl.Series], Moments]:
    """What gives the moments that texts spell; null where they do not, or where there is no such moment.

    Without a form, ISO 8601 is read. Raises ValueError as `pattern` does.
    """
    expression = ISO if form is None else pattern(form)
    directives = _directives(form) if form is not None else None
    if directives is None:
        return lambda text: _read(text, expression)
    return lambda text: _read_plain(text, expression, directives)


def _directives(form: Format) -> str | None:
    """The form for polars' own reader, which is fast; None where there is more in it than plain numbers."""
    tokens = set(form.tokens)
    names = {_PLAIN[token] for token in tokens & _PLAIN.keys()}
    clock = names & {"%H", "%M", "%S"}
    whole = {"%Y", "%m", "%d"} <= names and (not clock or {"%H", "%M"} <= clock)
    if not tokens <= _PLAIN.keys() or not whole:
        return None
    for piece, following in pairwise(form.pieces):
        if len(piece.text) == 1 and piece.is_token and (following.is_token or following.text[:1].isdigit()):
            return None
    return "".join(_PLAIN[piece.text] if piece.is_token else piece.text.replace("%", "%%") for piece in form.pieces)


def _read_plain(text: pl.Series, expression: str, directives: str) -> Moments:
    """The pattern sees to the digits, polars to the calendar, which has no year 0 here."""
    exactly = text.to_frame("text").select(pl.when(pl.col("text").str.contains(expression)).then("text")).to_series()
    if "%H" in directives:
        wall = exactly.str.to_datetime(directives, time_unit="us", strict=False, cache=False)
    else:
        wall = exactly.str.to_date(directives, strict=False, cache=False).cast(pl.Datetime("us"))
    offset = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(text))
    return Moments(wall.set((wall.dt.year() < 1).fill_null(value=False), None), offset)


def _read(text: pl.Series, expression: str) -> Moments:
    parts = text.to_frame("text").select(pl.col("text").str.extract_groups(expression)).unnest("text")
    given = set(parts.columns)
    unix = bool(given & {"unix", "unix_ms"})
    wall = _unix(given) if unix else _day(given) + _clock(given)
    offset = _offset() if "zone" in given else pl.lit(0 if unix else None, pl.Int64)
    found = parts.select(wall=wall, offset=offset, matched=text.str.contains(expression))
    if "zone" in given:
        known = parts["zone"].is_null() | found["offset"].is_not_null()
        found = found.with_columns(matched=pl.col("matched") & known)
    found = found.with_columns(wall=pl.when("matched").then("wall"))
    return Moments(found["wall"], found["offset"])


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int64, strict=False)


def _within(value: pl.Expr, least: int, most: int) -> pl.Expr:
    """Null outside the range."""
    return pl.when(value.is_between(least, most)).then(value)


def _day(given: set[str]) -> pl.Expr:
    """Midnight of the day; without a year it is one with all days, in 2000."""
    if "iso_year" in given:
        return _iso_day(given)
    if "year" in given:
        year = _within(_number("year"), 1, 9999)  # Python and most databases know no year 0
    elif "short_year" in given:
        year = (
            pl.when(_number("short_year") > 68)
            .then(_number("short_year") + 1900)
            .otherwise(_number("short_year") + 2000)
        )
    else:
        year = pl.lit(2000)
    if "year_day" in given:
        first = pl.date(year, 1, 1)
        last = pl.when(first.dt.is_leap_year()).then(366).otherwise(365)
        date = first + pl.duration(days=_number("year_day").clip(1, 366) - 1)
        date = pl.when(_number("year_day").is_between(1, last)).then(date)
    else:
        if "month_name" in given:
            numbers = {name[:3]: number for number, name in enumerate(_MONTHS, 1)}
            month = (
                pl.col("month_name")
                .str.to_lowercase()
                .str.head(3)
                .replace_strict(numbers, default=None, return_dtype=pl.Int64)
            )
        else:
            other = _number("quarter") * 3 - 2 if "quarter" in given else pl.lit(1)
            month = _within(_number("month"), 1, 12) if "month" in given else other
        first = pl.date(year, month, 1)
        day = _number("day") if "day" in given else pl.lit(1)
        date = pl.when(day.is_between(1, first.dt.month_end().dt.day())).then(first + pl.duration(days=day - 1))
    if "quarter" in given:
        date = pl.when(date.dt.quarter() == _number("quarter")).then(date)
    return _on_day_named(date, given).cast(pl.Datetime("us"))


def _iso_day(given: set[str]) -> pl.Expr:
    """The day of an ISO week, Monday without one; the week must be one of the year's 52 or 53."""
    year = _within(_number("iso_year"), 1, 9999)
    fourth = pl.date(year, 1, 4)  # which is always in the first week
    day = _number("iso_day") if "iso_day" in given else pl.lit(1)
    days = (_within(_number("iso_week"), 1, 53) - 1) * 7 + day - fourth.dt.weekday().cast(pl.Int64)
    date = fourth + pl.duration(days=days)
    return _on_day_named(pl.when(date.dt.iso_year() == year).then(date), given).cast(pl.Datetime("us"))


def _on_day_named(date: pl.Expr, given: set[str]) -> pl.Expr:
    """The date, if it is on the day of the week that the text names."""
    if "day_name" in given:
        numbers = {name[:3]: number for number, name in enumerate(_DAYS, 1)}
        told = (
            pl.col("day_name")
            .str.to_lowercase()
            .str.head(3)
            .replace_strict(numbers, default=None, return_dtype=pl.Int8)
        )
        date = pl.when(date.dt.weekday() == told).then(date)
    return date


def _clock(given: set[str]) -> pl.Expr:
    """The time since midnight; a part that the text leaves out is 0."""
    hour = pl.lit(0, pl.Int64)
    if "hour" in given:
        hour = _part("hour", 0, 23)
    elif "late_hour" in given:
        hour = _part("late_hour", 1, 24) % 24
    elif "half_hour" in given:
        hour = _part("half_hour", 1, 12)
    if "half" in given:
        afternoon = pl.col("half").str.to_lowercase() == "pm"
        hour = pl.when(afternoon & (hour < 12)).then(hour + 12).when(~afternoon & (hour == 12)).then(0).otherwise(hour)
    minute = _part("minute", 0, 59) if "minute" in given else 0
    second = _part("second", 0, 59) if "second" in given else 0
    micro = _micro() if "fraction" in given else 0
    return ((hour * 3600 + minute * 60 + second) * US_PER_SECOND + micro).cast(pl.Duration("us"))


def _part(name: str, least: int, most: int) -> pl.Expr:
    """A number in its range; 0 where an optional group is not in the text, null outside the range."""
    return pl.when(pl.col(name).is_null()).then(0).otherwise(_within(_number(name), least, most))


def _micro() -> pl.Expr:
    """Microseconds; a finer fraction would be lost, so it is null."""
    digits = pl.col("fraction").fill_null("").str.strip_chars_end("0")
    return pl.when(digits.str.len_bytes() <= 6).then(digits.str.pad_end(6, "0").cast(pl.Int64))


def _offset() -> pl.Expr:
    digits = pl.col("zone").str.replace_all("[^0-9]", "").str.pad_end(4, "0")
    minutes = digits.str.slice(2, 2).cast(pl.Int64)
    seconds = digits.str.slice(0, 2).cast(pl.Int64) * 3600 + minutes * 60
    signed = pl.when(pl.col("zone").str.starts_with("-")).then(-seconds).otherwise(seconds)
    return pl.when((minutes < 60) & (seconds <= 18 * 3600)).then(signed)


def _unix(given: set[str]) -> pl.Expr:
    """Seconds or milliseconds since 1970, as far as the year 9999."""
    if "unix_ms" in given:
        micro = _number("unix_ms") * 1000
    else:
        whole, fraction = pl.col("unix").str.extract(r"^[+-]?([0-9]+)"), pl.col("unix").str.extract(r"\.([0-9]+)$")
        size = whole.cast(pl.Int64) * US_PER_SECOND + fraction.fill_null("").str.pad_end(6, "0").cast(pl.Int64)
        micro = pl.when(pl.col("unix").str.starts_with("-")).then(-size).otherwise(size)
    return _within(micro, -62_135_596_800 * US_PER_SECOND, 253_402_300_800 * US_PER_SECOND - 1).cast(pl.Datetime("us"))
