"""Dates and times in a written form: moment-style tokens or strftime, read strictly and written.

`parse_format` gives a Format, `reader` what turns text into Moments by it (null where a text spells none), and
`write` turns Moments into text.
"""

from lumos_dagster.transforms.moments.reading import pattern, reader
from lumos_dagster.transforms.moments.tokens import UNIX_TOKENS, ZONE_TOKENS, Format, parse_format
from lumos_dagster.transforms.moments.values import Moments, in_zone, moments_of
from lumos_dagster.transforms.moments.writing import write

__all__ = [
    "UNIX_TOKENS",
    "ZONE_TOKENS",
    "Format",
    "Moments",
    "in_zone",
    "moments_of",
    "parse_format",
    "pattern",
    "reader",
    "write",
]
