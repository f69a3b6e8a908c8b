"""Moments to text."""

from collections.abc import Mapping
from itertools import groupby

import polars as pl

from lumos_dagster.transforms.moments.tokens import Format, Piece
from lumos_dagster.transforms.moments.values import Moments

_DIRECTIVES: Mapping[str, str] = {
    "YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "DD": "%d", "D": "%-d",
    "DDDD": "%j", "DDD": "%-j", "dddd": "%A", "ddd": "%a", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I",
    "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "A": "%p", "a": "%P",
    "GGGG": "%G", "GG": "%g", "WW": "%V", "E": "%u", "e": "%w", "d": "%w",
}  # fmt: skip

_WALL = pl.col("wall").dt
# The weeks of moment's English: from Sunday to Saturday, the first of a year being the one in which it begins; so the
# Saturday tells both the week and the year that it belongs to.
_SATURDAY = (pl.col("wall") + pl.duration(days=6 - _WALL.weekday() % 7)).dt
_NUMBERS: Mapping[str, pl.Expr] = {
    "M": _WALL.month(), "D": _WALL.day(), "DDD": _WALL.ordinal_day(), "Q": _WALL.quarter(), "d": _WALL.weekday() % 7,
    "W": _WALL.week(), "w": (_SATURDAY.ordinal_day() - 1) // 7 + 1, "gggg": _SATURDAY.year(),
    "k": pl.when(_WALL.hour() == 0).then(24).otherwise(_WALL.hour()),
}  # fmt: skip
_PADDED = {"ww": "w", "kk": "k"}


def write(moments: Moments, form: Format) -> pl.Series:
    """Each moment in the form; null for null. Without an offset, the clock is taken to show UTC."""
    frame = pl.DataFrame({"wall": moments.wall, "offset": moments.offset.fill_null(0), "utc": moments.utc})
    parts: list[pl.Expr] = []
    for together, pieces in groupby(form.pieces, lambda piece: not piece.is_token or piece.text in _DIRECTIVES):
        if together:
            parts.append(pl.col("wall").dt.strftime("".join(map(_directive, pieces))))
        else:
            parts.extend(_part(piece.text) for piece in pieces)
    return frame.select(pl.when(pl.col("wall").is_not_null()).then(pl.concat_str(parts))).to_series()


def _directive(piece: Piece) -> str:
    return _DIRECTIVES[piece.text] if piece.is_token else piece.text.replace("%", "%%")


def _part(token: str) -> pl.Expr:
    """What strftime has no directive for."""
    match token:
        case "X":
            return pl.col("utc").dt.epoch("s").cast(pl.String)
        case "x":
            return pl.col("utc").dt.epoch("ms").cast(pl.String)
        case "Z":
            return _offset(":")
        case "ZZ":
            return _offset("")
        case "dd":
            return pl.col("wall").dt.strftime("%a").str.head(2)
        case "gggg" | "gg":
            return _NUMBERS["gggg"].cast(pl.String).str.zfill(4).str.tail(len(token))
    if token in _NUMBERS:
        return _NUMBERS[token].cast(pl.String)
    if token in _PADDED:
        return _NUMBERS[_PADDED[token]].cast(pl.String).str.zfill(2)
    if token.endswith("o"):
        return _ordinal(_NUMBERS[token[:-1]])
    return pl.col("wall").dt.nanosecond().cast(pl.String).str.zfill(9).str.head(len(token))


def _ordinal(number: pl.Expr) -> pl.Expr:
    """1st, 2nd, 3rd, 4th, .. 11th, 12th, 13th."""
    ones = pl.when((number % 100).is_between(11, 13)).then(0).otherwise(number % 10)
    endings = {1: "st", 2: "nd", 3: "rd"}
    return pl.concat_str(number.cast(pl.String), ones.replace_strict(endings, default="th", return_dtype=pl.String))


def _offset(between: str) -> pl.Expr:
    minutes = pl.col("offset").abs() // 60
    sign = pl.when(pl.col("offset") < 0).then(pl.lit("-")).otherwise(pl.lit("+"))
    hour, minute = ((part.cast(pl.String).str.zfill(2)) for part in (minutes // 60, minutes % 60))
    return pl.concat_str(sign, hour, pl.lit(between), minute)
