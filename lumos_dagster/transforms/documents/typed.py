"""JSON texts made into columns of types, whole parts of a batch at a time."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.conversion import as_text, convert
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.transforms.documents.grammar import Flags, Places
from lumos_dagster.transforms.documents.values import NULL, Documents, Is, ends_of
from lumos_dagster.transforms.series import to_polars
from lumos_dagster.transforms.shape import Shape

_MOST_BYTES = 1 << 20
"""Of text at a time, which takes some fifteen times as much memory while it is taken apart."""


def each(
    column: Array, read: Callable[[Array], tuple[Array, Flags]], plainly: Callable[[Array], Array | None] | None = None
) -> tuple[Array, pl.Series]:
    """What `read` makes of the distinct texts (of nested values, of their JSON): the values, and which are bad.

    A bad value is null; not every null is bad, since a document may be null. `plainly` may give the same values sooner,
    for texts that are plain enough; None for others.
    """
    text: Array = as_text(column)
    coded = text.dictionary_encode()
    found = []
    for part in _parts(coded.dictionary):
        values = plainly(part) if plainly else None
        values, bad = read(part) if values is None else (values, np.zeros(len(part), dtype=np.bool_))
        found.append((values, pa.array(bad)))
    values, bad = (pa.concat_arrays(parts) for parts in zip(*found, strict=True))
    where = bad.take(coded.indices).fill_null(False)
    return values.take(pc.if_else(where, None, coded.indices)), to_polars(where)


def _parts(texts: Array) -> Iterator[Array]:
    size = max(1, len(texts) * _MOST_BYTES // max(1, texts.nbytes))
    for start in range(0, max(1, len(texts)), size):
        yield texts.slice(start, size)


def typed(documents: Documents, at: Places, kind: pa.DataType) -> tuple[Array, Flags]:
    """The values in a type, by the grammar of conversions: strings as they are, all else as JSON; and what is bad."""
    converted = convert(documents.text_of(at), kind)
    return converted.values, converted.bad.to_numpy(zero_copy_only=False)


def as_json(documents: Documents, at: Places) -> Array:
    """The values as JSON without blanks; null of null."""
    return pc.if_else(pa.array(documents.are(at, Is.NULL)), None, documents.json_of(at))


def shaped(texts: Array, shape: Shape) -> tuple[Array, Flags]:
    """The texts as an array of the shape's type, and which of them are not JSON or do not have that shape."""
    documents, at, _, bad = Documents.read(texts)
    values, wrong = _shaped(documents, at, shape)
    return values, bad | wrong


def _shaped(documents: Documents, at: Places, shape: Shape) -> tuple[Array, Flags]:
    if shape.keys is None and shape.items is None:
        return typed(documents, at, shape.type)
    missing = documents.are(at, Is.NULL)
    bad = ~missing & ~documents.are(at, Is.LIST if shape.keys is None else Is.OBJECT)
    if shape.keys is not None:
        children: list[Array] = []
        for name, inner in shape.keys.items():
            child, wrong = _shaped(documents, documents.member(at, name), inner)
            children.append(child)
            bad |= wrong
        fields = [pa.field(name, inner.type) for name, inner in shape.keys.items()]
        return pa.StructArray.from_arrays(children, fields=fields, mask=pa.array(missing)), bad
    owners, members = documents.contents(np.where(bad, NULL, at))
    items, wrong = _shaped(documents, members, shape.items or Shape())
    bad[owners[wrong]] = True
    ends: Array = pa.array(ends_of(owners, len(at)), pa.int32())
    kind: Kind = shape.type
    return pa.ListArray.from_arrays(ends, items, type=kind, mask=pa.array(missing)), bad
