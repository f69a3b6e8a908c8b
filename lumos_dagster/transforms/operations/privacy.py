"""Operations that hide personal data."""

from typing import Literal

import polars as pl
import pyarrow as pa
from pydantic import Field, SecretStr

from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.engine import Hashes
from lumos_dagster.transforms.operation import OnFields
from lumos_dagster.transforms.operations.text import text_of
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.transforms.series import to_arrow, to_polars


class Hash(OnFields):
    """Puts the hash of a value, in hex digits, in its place; null stays null.

    Example:
        {operation: hash, field: mail, algorithm: md5}
        {mail: ada} -> {mail: 8c8d357b5e872bbacd45197626bd5759}
    """

    names = ("hash",)

    algorithm: Literal["sha256", "md5"] = "sha256"
    """sha256, or md5, which hides nothing from somebody who can guess the values."""
    salt: SecretStr = SecretStr("")
    """A text put before each value, best from `${ENV}`: without one, guessed values can be found again."""

    def bind(self, columns: Columns) -> Step:
        """A value that is not text is hashed as its text."""
        for field in self.fields:
            columns.type_of(field)
            columns.put(field, pa.string())
            columns.hide(field)
        hashes = Hashes(self.algorithm, self.salt.get_secret_value())

        def step(rows: Rows) -> None:
            for field in self.fields:
                rows.put(field, to_polars(hashes.of(to_arrow(text_of(rows, field)))))

        return step


class Mask(OnFields):
    """Puts a character in place of all but the ends of a text.

    Example:
        {operation: mask, field: card, keep_end: 4}
        {card: "4111111111111234"} -> {card: "************1234"}
    """

    names = ("mask",)

    keep_start: int = Field(0, ge=0)
    """How many characters at the beginning stay."""
    keep_end: int = Field(0, ge=0)
    """How many characters at the end stay. A text with no more than both together is hidden whole."""
    character: str = Field("*", min_length=1, max_length=1)
    """What stands in place of each hidden character."""

    def bind(self, columns: Columns) -> Step:
        """A value that is not text is masked as its text."""
        for field in self.fields:
            columns.type_of(field)
            columns.put(field, pa.string())
            columns.hide(field)

        def step(rows: Rows) -> None:
            for field in self.fields:
                rows.put(field, self._masked(text_of(rows, field)))

        return step

    def _masked(self, text: pl.Series) -> pl.Series:
        value = pl.col("text")
        size = value.str.len_chars().cast(pl.Int64)
        short = size <= self.keep_start + self.keep_end
        start, end = (pl.when(short).then(0).otherwise(keep) for keep in (self.keep_start, self.keep_end))
        middle = value.str.slice(start, size - start - end)
        hidden = middle.str.replace_all("(?s).", self.character.replace("$", "$$"))
        return (
            text.to_frame("text").select(pl.concat_str(value.str.head(start), hidden, value.str.tail(end))).to_series()
        )
