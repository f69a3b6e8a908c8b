"""Changes of text, as operations and `map` share them; case and blanks are Unicode's."""

from collections.abc import Callable, Mapping

import polars as pl


def capitalised(text: pl.Series) -> pl.Series:
    """The first letter as at the head of a title, the others small."""
    return text.str.slice(0, 1).str.to_titlecase() + text.str.slice(1).str.to_lowercase()


CHANGES: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "uppercase": lambda text: text.str.to_uppercase(),
    "lowercase": lambda text: text.str.to_lowercase(),
    "capitalize": capitalised,
    "title": lambda text: text.str.to_titlecase(),
    "trim": lambda text: text.str.strip_chars(),
    "ltrim": lambda text: text.str.strip_chars_start(),
    "rtrim": lambda text: text.str.strip_chars_end(),
}
"""What each change is called, and what it does."""
