"""What a database's own types are tried with: SQL expressions of the values at their ends and of odd ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Native:
    """A column's type as its DDL has it, and the values, each as SQL.

    `as_text` gives a value of the column `{}` as the database's own exact text, by which two tables are compared.
    `outside` are values that no Arrow type of ours has a place for: reading them is an error that says so.
    """

    declared: str
    values: Sequence[str]
    as_text: str = ""
    outside: Sequence[str] = ()


@dataclass(frozen=True)
class Natives:
    """All that is tried of one database, what is run before its tables are made, and how its values become text."""

    title: str
    types: Sequence[Native]
    before: Sequence[str] = field(default=())
    as_text: str = "{}"


def quoted(*texts: str) -> list[str]:
    """Texts as SQL literals."""
    return ["'{}'".format(text.replace("'", "''")) for text in texts]
