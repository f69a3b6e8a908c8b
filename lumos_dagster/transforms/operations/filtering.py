"""Operations that leave rows out."""

from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.operation import Operation
from lumos_dagster.transforms.predicate import Predicate
from lumos_dagster.transforms.rows import Step


class FilterField(Predicate, Operation):
    """Keeps the rows whose field matches, or for which an expression is true.

    Example:
        {operation: filter_field, field: status, operator: equals, value: active}
        {id: 7, status: active} -> {id: 7, status: active}
        {id: 8, status: gone} -> nothing
    """

    names = ("filter_field", "filter")

    def bind(self, columns: Columns) -> Step:
        """The field must be there and comparable with the value."""
        return self.step(columns)
