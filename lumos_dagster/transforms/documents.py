"""JSON documents: read with exact numbers, written compactly, and given the Arrow type that a shape says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import simplejson

from lumos_dagster.conversion import as_text, convert, is_text
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.transforms.rows import to_polars
from lumos_dagster.transforms.shape import Shape

Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"
Build: TypeAlias = Callable[[Sequence[Any]], tuple[Array, Flags]]
"""Makes an array of values out of documents, and marks those that do not fit."""
BAD = object()
"""Stands for a value that could not be read."""
_FEW = 64
"""Texts that are rather read one by one than searched for the odd one among them."""


def load(text: str, *, exact: bool = True) -> Any:
    """The document, its fractions as exact decimals or as floats; BAD where it is none."""
    try:
        found = simplejson.loads(text, use_decimal=exact)
        if "\\u" in text:
            dump(found).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError, ArithmeticError):
        return BAD
    return found


def dump(value: Any) -> str:
    """The document as text, without blanks."""
    return str(simplejson.dumps(value, ensure_ascii=False, use_decimal=True, separators=(",", ":")))


def plain(value: Any) -> str | None:
    """A value out of a document as text: a text as it is, all else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, Decimal) else dump(value)


def each(
    column: Array, read: Callable[[str], Any], build: Build, at_once: Callable[[Array], Array | None] | None = None
) -> tuple[Array, pl.Series]:
    """What `read` makes of each distinct text (of nested values, of their JSON), built to one array; and what is bad.

    A bad value is null in the array; not every null is bad, since a document may be null. `at_once` may give the same
    values for many texts, without a look at each; it gives None where it cannot.
    """
    text: Array = as_text(column)
    coded = text.dictionary_encode()
    found = list(_parts(coded.dictionary, read, build, at_once))
    values, bad = (pa.concat_arrays(parts) for parts in zip(*found, strict=True))
    where = bad.take(coded.indices).fill_null(False)
    return values.take(pc.if_else(where, None, coded.indices)), to_polars(where)


def _parts(
    texts: Array, read: Callable[[str], Any], build: Build, at_once: Callable[[Array], Array | None] | None
) -> Iterator[tuple[Array, Array]]:
    """The values and what is bad, part by part: an odd text is looked for by halves, and only a few go with it."""
    values = at_once(texts) if at_once else None
    if values is not None:
        yield values, pa.repeat(pa.scalar(value=False), len(texts))
    elif at_once and len(texts) > _FEW:
        half = len(texts) // 2
        yield from _parts(texts[:half], read, build, at_once)
        yield from _parts(texts[half:], read, build, at_once)
    else:
        found = [read(one) for one in texts.to_pylist()]
        values, wrong = build([None if one is BAD else one for one in found])
        yield values, pa.array(wrong | np.array([one is BAD for one in found], dtype=np.bool_))


def leaves(kind: pa.DataType, spell: Callable[[Any], str | None] = plain) -> Build:
    """What builds values of one type, by the grammar of conversions."""

    def build(values: Sequence[Any]) -> tuple[Array, Flags]:
        texts: Array = pa.array([spell(value) for value in values], pa.string())
        if is_text(kind):
            return texts, np.zeros(len(values), dtype=np.bool_)
        converted = convert(texts, kind)
        return converted.values, converted.bad.to_numpy(zero_copy_only=False)

    return build


def shaped(values: Sequence[Any], shape: Shape) -> tuple[Array, Flags]:
    """The documents as an array of the shape's type, and which of them do not have that shape."""
    if shape.keys is not None:
        return _objects(values, shape.keys)
    if shape.items is not None:
        return _lists(values, shape.items)
    return leaves(shape.type)(values)


def _objects(values: Sequence[Any], keys: Mapping[str, Shape]) -> tuple[Array, Flags]:
    bad = np.array([value is not None and not isinstance(value, dict) for value in values], dtype=np.bool_)
    found = [value if isinstance(value, dict) else {} for value in values]
    children: list[Array] = []
    for name, shape in keys.items():
        child, wrong = shaped([value.get(name) for value in found], shape)
        children.append(child)
        bad = bad | wrong
    missing = pa.array([value is None for value in values], pa.bool_())
    fields = [pa.field(name, shape.type) for name, shape in keys.items()]
    return pa.StructArray.from_arrays(children, fields=fields, mask=missing), bad


def _lists(values: Sequence[Any], items: Shape) -> tuple[Array, Flags]:
    bad = np.array([value is not None and not isinstance(value, list) for value in values], dtype=np.bool_)
    found = [value if isinstance(value, list) else [] for value in values]
    lengths = np.array([len(value) for value in found], dtype=np.int64)
    child, wrong = shaped([item for value in found for item in value], items)
    owners = np.repeat(np.arange(len(found)), lengths)
    bad[owners[wrong]] = True
    ends: Array = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    missing = pa.array([value is None for value in values], pa.bool_())
    kind: Kind = pa.list_(items.type)
    return pa.ListArray.from_arrays(ends, child, type=kind, mask=missing), bad
