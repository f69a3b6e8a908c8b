"""What a JSON document looks like, as a job file spells it and as an Arrow type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lumos_dagster.conversion.names import type_named


@dataclass(frozen=True)
class Shape:
    """What a document looks like: a `leaf` of a type, an object with `keys`, or a list of `items`."""

    leaf: pa.DataType | None = None
    keys: Mapping[str, "Shape"] | None = None
    items: "Shape | None" = None

    @property
    def type(self) -> pa.DataType:
        """The Arrow type."""
        if self.keys is not None:
            return pa.struct([(name, shape.type) for name, shape in self.keys.items()])
        return pa.list_(self.items.type) if self.items else self.leaf or pa.string()


def shape_of(spec: Any) -> Shape:
    """The shape that a job file spells: a type's name, `{key: shape}`, or `[shape]`. Raises ValueError."""
    match spec:
        case str():
            return Shape(leaf=type_named(spec))
        case {}:
            if not spec:
                raise ValueError("an object needs at least one key")
            return Shape(keys={str(name): shape_of(inner) for name, inner in spec.items()})
        case [inner]:
            return Shape(items=shape_of(inner))
    raise ValueError(f"{spec!r} is no shape: write a type, {{key: shape}}, or [shape]")
