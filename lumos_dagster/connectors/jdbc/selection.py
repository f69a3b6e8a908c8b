"""What is read, as SQL: a table's columns or a query of the user's, and the conditions put on its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lumos_dagster.connectors.jdbc.query import trimmed


@dataclass(frozen=True)
class Selection:
    """Rows of `source`, a table's quoted name or a query, under all of `conditions`; `parameters` by their names."""

    source: str
    is_query: bool = False
    columns: str = "*"
    conditions: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def where(self, condition: str, parameters: Mapping[str, Any] | None = None) -> "Selection":
        """Only the rows for which the condition holds too."""
        given = {**self.parameters, **(parameters or {})}
        return replace(self, conditions=(*self.conditions, condition), parameters=given)

    def only(self, columns: str) -> "Selection":
        """Other columns, or what is computed from all the rows."""
        return replace(self, columns=columns)

    @property
    def sql(self) -> str:
        """The statement; a query that nothing is asked of stays as it was written, with its order."""
        if self.is_query and self.columns == "*" and not self.conditions:
            return self.source
        rows = f"(\n{trimmed(self.source)}\n) q" if self.is_query else self.source
        # Each on lines of its own: a condition of the user's may end in a comment.
        where = " AND ".join(f"(\n{condition}\n)" for condition in self.conditions)
        return f"SELECT {self.columns} FROM {rows}" + (f" WHERE {where}" if where else "")
