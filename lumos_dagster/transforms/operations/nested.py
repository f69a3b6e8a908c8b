"""Operations on objects and lists."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types
from pydantic import Field

from lumos_dagster.conversion import is_text
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.transforms.columns import Columns, wrong_type
from lumos_dagster.transforms.documents.objects import read_lists
from lumos_dagster.transforms.documents.typed import each, shaped
from lumos_dagster.transforms.operation import Operation
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.transforms.series import to_arrow
from lumos_dagster.transforms.shape import Shape

_TEXTS = Shape(items=Shape(leaf=pa.string()))


class Flatten(Operation):
    """Puts the keys of an object into fields of their own, those of objects inside of it too; lists stay lists.

    Example:
        {operation: flatten, field: doc}
        {doc: {id: 7, user: {name: Ada}}} -> {doc_id: 7, doc_user_name: Ada}
    """

    names = ("flatten",)

    field: str
    """The object; JSON text becomes one by parse_json with a shape."""
    prefix: str | None = None
    """What the new names begin with; without it, the field's name and the separator. May be empty."""
    separator: str = "_"
    """What stands between the names of an object and of its key."""
    depth: int | None = Field(None, ge=1)
    """How many levels; without it, all."""
    keep: bool = False
    """Whether the object stays beside its parts."""

    def bind(self, columns: Columns) -> Step:
        """The field must be an object, and the new names free. The new fields come last."""
        kind = columns.type_of(self.field)
        if not types.is_struct(kind):
            raise wrong_type(self.field, kind, "an object (for JSON text, put parse_json with a shape before it)")
        prefix = f"{self.field}{self.separator}" if self.prefix is None else self.prefix
        parts = list(self._parts(kind, prefix, 1))
        if not self.keep:
            columns.remove(self.field)
        for name, _, inner in parts:
            columns.free(name, (), "prefix")
            columns.put(name, inner, (self.field,))

        def step(rows: Rows) -> None:
            whole = rows.arrow(self.field)
            for name, path, _ in parts:
                rows.put_arrow(name, pc.struct_field(whole, path))

        return step

    def _parts(self, kind: Kind, prefix: str, level: int) -> Iterator[tuple[str, list[int], pa.DataType]]:
        """Name, path of positions, and type of each new field."""
        for place, inner in enumerate(kind.fields):
            if types.is_struct(inner.type) and level != self.depth:
                for name, path, part in self._parts(inner.type, f"{prefix}{inner.name}{self.separator}", level + 1):
                    yield name, [place, *path], part
            else:
                yield f"{prefix}{inner.name}", [place], inner.type


class Explode(Operation):
    """Makes a row of each element of a list; the other fields are repeated. The rows made are counted.

    Example:
        {operation: explode, field: tags, separator: ","}
        {id: 1, tags: "a,b"} -> {id: 1, tags: a}, {id: 1, tags: b}

    Bad value: text that is no JSON list, where no separator is given.
    """

    names = ("explode",)

    field: str
    """A list; or text: a JSON list, or parts between separators."""
    separator: str | None = Field(None, min_length=1)
    """For text: what stands between the parts. Without it the text is a JSON list, whose elements become text."""
    to: str | None = None
    """The field for the element; without it, `field` itself."""
    keep_empty: bool = True
    """Whether a row without elements stays, with null; if not, it is counted as filtered."""

    @property
    def in_turn(self) -> bool:
        """A batch grows by as much as its lists are long."""
        return True

    def bind(self, columns: Columns) -> Step:
        """The field must be a list or text, and `to` a new field."""
        kind: Kind = columns.type_of(self.field)
        listed = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        if not listed and not is_text(kind):
            raise wrong_type(self.field, kind, "a list, or text")
        if listed and self.separator is not None:
            raise ConfigError(Problem(f"column {self.field!r} is a list: a separator is for text", path="separator"))
        target = self.to or self.field
        columns.free(target, (self.field,), "to")
        columns.put(target, kind.value_type if listed else pa.string(), (self.field,))
        check = self.check([self.field], lambda _: "is not a JSON list")
        lists = f"\0{target}"

        def step(rows: Rows) -> None:
            if listed:
                rows.put_arrow(lists, rows.arrow(self.field))
            elif self.separator is not None:
                rows.put_arrow(lists, to_arrow(rows.series(self.field).str.split(self.separator)))
            else:
                values, bad = each(rows.arrow(self.field), lambda texts: shaped(texts, _TEXTS), read_lists)
                rows.put_arrow_checked(lists, values, check, bad)
            if rows.height:
                self._explode(rows, lists, target)

        return step

    def _explode(self, rows: Rows, lists: str, target: str) -> None:
        values: Array = rows.arrow(lists)
        sizes = pc.list_value_length(values).fill_null(0).to_numpy(zero_copy_only=False)
        empty = sizes == 0
        made = np.maximum(sizes, 1) if self.keep_empty else sizes
        sources = np.repeat(np.arange(len(sizes), dtype=np.uint32), made)
        elements = np.cumsum(np.ones(len(sources), dtype=np.int64)) - 1
        if self.keep_empty:
            elements -= np.repeat(np.cumsum(empty) - empty, made)
        missing = empty[sources] if len(sources) else np.zeros(0, dtype=np.bool_)
        elements_of: Array = pc.list_flatten(values)
        found = elements_of.take(_places(elements, missing))
        for replaced in (lists, target):  # which would be repeated for nothing
            rows.remove(replaced)
        rows.multiply(pl.Series(sources))
        rows.put_arrow(target, found)


def _places(places: Array, missing: Array) -> Array:
    return pa.array(places, mask=missing)
