"""Operations on text by place or by pattern; a pattern is of the kind that takes linear time, as RE2's are."""

import re
from typing import Annotated, Literal, Self

import polars as pl
import pyarrow as pa
from pydantic import AfterValidator, AliasChoices, Field, model_validator

from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.comparison import check_pattern
from lumos_dagster.transforms.operation import Operation
from lumos_dagster.transforms.operations.text import TextChange
from lumos_dagster.transforms.rows import Step


def _linear(pattern: str) -> str:
    check_pattern(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_linear)]
"""A regular expression without look-around and back references, so that it takes linear time."""


class RegexReplace(TextChange):
    """Puts a text in place of what a pattern matches.

    Example:
        {operation: regex_replace, field: phone, pattern: "[^0-9]+", replacement: ""}
        {phone: "(030) 12-34"} -> {phone: "0301234"}
    """

    names = ("regex_replace",)

    pattern: Pattern = Field(validation_alias=AliasChoices("pattern", "find", "regex"))
    """What to look for: a regular expression without look-around and back references."""
    replacement: str = Field(validation_alias=AliasChoices("replacement", "to", "with"))
    """What comes in its place: `$1` is a group, and so is `$${1}` or `$${name}`, doubled so as not to be
    a placeholder; `$$` is a dollar sign; may be empty."""
    all: bool = True
    """false: only the first match in each text."""

    @model_validator(mode="after")
    def _groups_are_there(self) -> Self:
        groups = _groups(self.pattern)
        known = {"0", *groups, *map(str, range(1, len(groups) + 1))}
        for found in re.finditer(r"\$\$|\$(?:\{(\w+)\}|(\w+))", self.replacement):
            name = found[1] or found[2]
            if name and name not in known:
                hint = "write $${1} before a letter, $$ for a $"
                raise ValueError(f"the pattern has no group {name!r}: {hint}")
        return self

    def change(self, text: pl.Series) -> pl.Series:
        """Matches do not overlap."""
        return (text.str.replace_all if self.all else text.str.replace)(self.pattern, self.replacement)


class Substring(TextChange):
    """Keeps a part of the text, counted in characters.

    Example:
        {operation: substring, field: iban, start: 0, length: 2}
        {iban: DE0212} -> {iban: DE}
    """

    names = ("substring", "substr")

    start: int = 0
    """Where the part begins: 0 is the first character, -1 the last."""
    length: int | None = Field(None, ge=0)
    """How many characters; without it, all that follow."""

    def change(self, text: pl.Series) -> pl.Series:
        """A part beyond the end is empty; one that begins before the text begins with it."""
        if self.start >= 0:
            return text.str.slice(self.start, self.length)
        tail = text.str.tail(-self.start)
        return tail if self.length is None else tail.str.head(self.length)


class Pad(TextChange):
    """Makes the text at least so many characters long; a longer one stays as it is.

    Example:
        {operation: pad, field: code, length: 5, character: "0"}
        {code: "42"} -> {code: "00042"}
    """

    names = ("pad",)

    length: int = Field(ge=0, le=10_000)
    """How many characters the text has at least."""
    side: Literal["left", "right"] = "left"
    """left: before the text; right: behind it."""
    character: str = Field(" ", min_length=1, max_length=1, validation_alias=AliasChoices("character", "with", "fill"))
    """What is put there."""

    def change(self, text: pl.Series) -> pl.Series:
        """Characters are Unicode's."""
        pad = text.str.pad_start if self.side == "left" else text.str.pad_end
        return pad(self.length, self.character)


class RegexExtract(Operation):
    """Takes what a pattern, or one of its groups, matches first; null where nothing matches.

    Example:
        {operation: regex_extract, field: mail, pattern: "@([^@]+)$", to: domain}
        {mail: ada@example.org} -> {mail: ada@example.org, domain: example.org}
        {mail: nobody} -> {mail: nobody, domain: null}
    """

    names = ("regex_extract",)

    field: str
    """The text."""
    pattern: Pattern = Field(validation_alias=AliasChoices("pattern", "regex"))
    """A regular expression without look-around and back references."""
    group: int | str | None = None
    """The group's number or name; 0 is the whole match. Without it the first, or the whole where there is none."""
    to: str | None = None
    """The field for the result; without it, `field` itself."""

    @model_validator(mode="after")
    def _group_is_there(self) -> Self:
        self._number()
        return self

    def bind(self, columns: Columns) -> Step:
        """The field must be text, and `to` a new field."""
        columns.text(self.field)
        target = self.to or self.field
        columns.free(target, (self.field,), "to")
        columns.put(target, pa.string(), (self.field,))
        group = self._number()
        return lambda rows: rows.put(target, rows.series(self.field).str.extract(self.pattern, group))

    def _number(self) -> int:
        names = _groups(self.pattern)
        if self.group is None:
            return 1 if names else 0
        if isinstance(self.group, int):
            if not 0 <= self.group <= len(names):
                raise ValueError(f"the pattern has {len(names)} groups, but group is {self.group}")
            return self.group
        if self.group not in names:
            raise ValueError(f"the pattern has no group named {self.group!r}; it has: {', '.join(names) or 'none'}")
        return names.index(self.group) + 1


def _groups(pattern: str) -> list[str]:
    """The names of the pattern's groups, or their numbers."""
    kind = pl.Series([""]).str.extract_groups(f"(?:{pattern})|").dtype
    return list(kind.to_schema()) if isinstance(kind, pl.Struct) else []
