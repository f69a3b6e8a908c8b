"""Operations on text."""

import polars as pl
import pyarrow as pa
from pydantic import AliasChoices, Field

from lumos_dagster.conversion import as_text, is_text
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.operation import Names, OnFields, Operation
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.transforms.series import to_polars
from lumos_dagster.transforms.texts import CHANGES


class TextChange(OnFields):
    """An operation that turns text into text; null stays null."""

    def change(self, text: pl.Series) -> pl.Series:
        """The changed text; by default the change of the operation's own name."""
        return CHANGES[self.names[0]](text)

    def bind(self, columns: Columns) -> Step:
        """The fields must be text."""
        for field in self.fields:
            columns.put(field, columns.text(field))

        def step(rows: Rows) -> None:
            for field in self.fields:
                rows.put(field, self.change(rows.series(field)))

        return step


class Uppercase(TextChange):
    """Makes all letters large.

    Example:
        {operation: uppercase, field: name}
        {name: straße} -> {name: STRASSE}
    """

    names = ("uppercase", "upper")


class Lowercase(TextChange):
    """Makes all letters small.

    Example:
        {operation: lowercase, field: name}
        {name: ÉLAN} -> {name: élan}
    """

    names = ("lowercase", "lower")


class Capitalize(TextChange):
    """Makes the first letter large and the others small.

    Example:
        {operation: capitalize, field: name}
        {name: éLAN vital} -> {name: Élan vital}
    """

    names = ("capitalize",)


class Title(TextChange):
    """Makes the first letter of each word large and the others small.

    Example:
        {operation: title, field: name}
        {name: the élan vital} -> {name: The Élan Vital}
    """

    names = ("title",)


class Trim(TextChange):
    """Takes the blanks off both ends.

    Example:
        {operation: trim, field: name}
        {name: " a b "} -> {name: a b}
    """

    names = ("trim",)


class LeftTrim(TextChange):
    """Takes the blanks off the beginning.

    Example:
        {operation: ltrim, field: name}
        {name: " a b "} -> {name: "a b "}
    """

    names = ("ltrim",)


class RightTrim(TextChange):
    """Takes the blanks off the end.

    Example:
        {operation: rtrim, field: name}
        {name: " a b "} -> {name: " a b"}
    """

    names = ("rtrim",)


class Replace(TextChange):
    """Puts one text in place of another, wherever it stands; no pattern.

    Example:
        {operation: replace, field: price, find: ",", replacement: "."}
        {price: "1,50"} -> {price: "1.50"}
    """

    names = ("replace",)

    find: str = Field(min_length=1, validation_alias=AliasChoices("find", "from", "old"))
    """The text to look for."""
    replacement: str = Field(validation_alias=AliasChoices("replacement", "to", "with", "new"))
    """What comes in its place; may be empty."""

    def change(self, text: pl.Series) -> pl.Series:
        """Every occurrence, from left to right."""
        return text.str.replace_all(self.find, self.replacement, literal=True)


class MergeFields(Operation):
    """Puts the texts of several fields together into one.

    Example:
        {operation: merge_fields, fields: [first, last], to: name, separator: " "}
        {first: Ada, last: Lovelace} -> {first: Ada, last: Lovelace, name: Ada Lovelace}
    """

    names = ("merge_fields", "merge", "concat")

    fields: Names
    """The fields, in order; what is not text becomes text."""
    to: str
    """The field for the result: a new one, or one of `fields`."""
    separator: str = ""
    """What stands between them."""
    skip_nulls: bool = False
    """Whether a null is passed over; if not, one null makes the result null."""

    def bind(self, columns: Columns) -> Step:
        """A `to` that is another field's name is an error."""
        for field in self.fields:
            columns.type_of(field, "fields")
        columns.free(self.to, self.fields, "to")
        columns.put(self.to, pa.string(), self.fields)

        def step(rows: Rows) -> None:
            parts = [text_of(rows, field).alias(str(place)) for place, field in enumerate(self.fields)]
            merged = pl.concat_str(pl.all(), separator=self.separator, ignore_nulls=self.skip_nulls)
            rows.put(self.to, pl.DataFrame(parts).select(merged).to_series())

        return step


class SplitField(Operation):
    """Cuts a text at a separator into several fields: a missing part is null, and the last one keeps the rest.

    Example:
        {operation: split_field, field: name, separator: " ", into: [first, last]}
        {name: Ada King Noel} -> {name: Ada King Noel, first: Ada, last: King Noel}
        {name: Ada} -> {name: Ada, first: Ada, last: null}
    """

    names = ("split_field", "split")

    field: str
    """The field to cut; it stays, unless it is one of `into`."""
    separator: str = Field(min_length=1)
    """Where to cut; no pattern."""
    into: Names
    """The fields for the parts, in order."""
    limit: int | None = Field(None, ge=1)
    """At most so many parts; the last keeps the rest, separators and all."""

    def bind(self, columns: Columns) -> Step:
        """The field must be text, and the names in `into` free."""
        columns.text(self.field)
        for name in self.into:
            columns.free(name, (self.field,), "into")
        for name in self.into:
            columns.put(name, pa.string(), (self.field,))
        parts = min(self.limit or len(self.into), len(self.into))

        def step(rows: Rows) -> None:
            found = rows.series(self.field).str.splitn(self.separator, parts).struct
            nothing = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
            for place, name in enumerate(self.into):
                rows.put(name, found.field(f"field_{place}") if place < parts else nothing)

        return step


def text_of(rows: Rows, name: str) -> pl.Series:
    """The field as text, whatever its type."""
    values = rows.arrow(name)
    return rows.series(name) if is_text(values.type) else to_polars(as_text(values))
