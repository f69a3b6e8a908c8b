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
}  # fmt: skip


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
    return pl.col("wall").dt.nanosecond().cast(pl.String).str.zfill(9).str.head(len(token))


def _offset(between: str) -> pl.Expr:
    minutes = pl.col("offset").abs() // 60
    sign = pl.when(pl.col("offset") < 0).then(pl.lit("-")).otherwise(pl.lit("+"))
    hour, minute = ((part.cast(pl.String).str.zfill(2)) for part in (minutes // 60, minutes % 60))
    return pl.concat_str(sign, hour, pl.lit(between), minute)
