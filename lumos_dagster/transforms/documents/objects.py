"""JSON objects read by Arrow's own reader, where it and the general one must agree.

Arrow keeps decimals exact and is as strict, but knows NaN, counts no nesting, and takes a type as it stands in JSON:
what it refuses, and what it would take differently, is left to the reader in `typed`, some three times as slow.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from pyarrow import types

from lumos_dagster.conversion import as_text, convert, is_text
from lumos_dagster.conversion.kinds import Array
from lumos_dagster.transforms.documents.grammar import DEEPEST
from lumos_dagster.transforms.shape import Shape

_ODD = r"NaN|Inf|[0-9]{300}|[:\[,]\s*-0[^.0-9eE]"
"""What Arrow takes and JSON does not have, digits that it makes an infinity of, and a zero whose sign it drops."""
_LOST = r"[eE]-|[.]0{300}"
"""What a float of zero may have been spelled as."""
_MOST_BYTES = 1 << 30
_WRAPPED = "list"
_SPELLED_ALIKE = (pa.int64(), pa.bool_())
"""What a text may come from too, as these are spelled as they are in JSON."""


def read_objects(texts: Array, shape: Shape, others: Literal["ignore", "error"] = "ignore") -> Array | None:
    """Each text as an object of that shape; None where not all of them are such objects beyond any doubt.

    `others` are the keys that the shape does not name.
    """
    if shape.keys is None or not len(texts) or texts.nbytes > _MOST_BYTES or not _are_plain(texts):
        return None
    wanted = [(name, _as_read(inner)) for name, inner in shape.keys.items()]
    try:
        found = pyarrow.json.read_json(
            pa.BufferReader(_in_lines(texts)),  # type: ignore[arg-type] # which is a file, whatever the stubs say
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=texts.nbytes + len(texts) + 1),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pa.schema(wanted), newlines_in_values=True, unexpected_field_behavior=others
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    if found.num_rows != len(texts):
        return None
    whole: Array = found.to_struct_array().combine_chunks()
    return _shaped(whole, shape, texts)


def read_lists(texts: Array) -> Array | None:
    """Each text as a list of texts; None where not all are lists of texts, of whole numbers or of truth values."""
    if not pc.all(pc.starts_with(texts, "[")).as_py():
        return None
    wrapped = pc.binary_join_element_wise(f'{{"{_WRAPPED}":', texts, "}", "")
    for leaf in (pa.string(), *_SPELLED_ALIKE):
        found = read_objects(wrapped, Shape(keys={_WRAPPED: Shape(items=Shape(leaf=leaf))}), "error")
        if found is not None:
            lists: Array = pc.struct_field(found, _WRAPPED)
            return pa.ListArray.from_arrays(lists.offsets, as_text(lists.values), mask=lists.is_null())
    return None


def are_objects(texts: Array) -> bool:
    """Whether all of them are JSON objects beyond any doubt."""
    return read_objects(texts, Shape(keys={"\0": Shape(leaf=pa.bool_())})) is not None


def reader_of(path: Mapping[str, Any], kind: pa.DataType) -> Callable[[Array], Array | None] | None:
    """What takes the values of that type at a parsed JMESPath out of objects, if it is of keys and places in lists."""
    ways = _ways(path)
    if ways is None or not isinstance(ways[0], str):
        return None
    kinds = (kind, *_SPELLED_ALIKE) if is_text(kind) else (kind,)
    shapes = [reduce(_around, reversed(ways), Shape(leaf=leaf)) for leaf in kinds]

    def at_once(texts: Array) -> Array | None:
        for shape in shapes:
            found = read_objects(texts, shape)
            if found is not None:
                return convert(reduce(_inside, ways, found), kind).values
        return None

    return at_once


def _ways(path: Mapping[str, Any]) -> list[str | int] | None:
    """The keys and places that a path names, outermost first; None for any other path."""
    match path["type"]:
        case "field" | "index":
            return [path.get("value", 0)]
        case "subexpression" | "index_expression":
            found: list[str | int] = []
            for child in path["children"]:
                ways = _ways(child)
                if ways is None:
                    return None
                found += ways
            return found
    return None


def _around(inner: Shape, way: str | int) -> Shape:
    return Shape(keys={way: inner}) if isinstance(way, str) else Shape(items=inner)


def _inside(values: Array, way: str | int) -> Array:
    """The value of a key, or the element at a place, counted from the end where it is negative; null where none is."""
    if isinstance(way, str):
        return pc.struct_field(values, way)
    lengths: Array = pc.list_value_length(values)
    place: Array = pa.repeat(way, len(values)) if way >= 0 else pc.add(lengths, pa.scalar(way, pa.int32()))
    within = pc.and_(pc.greater_equal(place, pa.scalar(0)), pc.less(place, lengths))
    places = pc.if_else(within, pc.add(values.offsets[:-1], place), None)
    return values.values.take(places)


def _are_plain(texts: Array) -> bool:
    """Whether each text begins as an object, so that no two of them can be taken for one, or one for two."""
    if texts.null_count or not pc.all(pc.starts_with(texts, "{")).as_py():
        return False
    if pc.any(pc.match_substring_regex(texts, _ODD)).as_py():
        return False
    brackets: Array = pc.count_substring_regex(texts, r"[\[{]")
    return bool(pc.max(brackets).as_py() <= DEEPEST)


def _in_lines(texts: Array) -> pa.Buffer:
    ends: Array = pa.array([0, len(texts)], pa.int32())
    whole: Array = pc.binary_join(pa.ListArray.from_arrays(ends, texts), "\n")
    buffer: pa.Buffer = whole[0].as_buffer()
    return buffer


def _as_read(shape: Shape) -> pa.DataType:
    """The type in which Arrow reads a value exactly: types that JSON has not are texts at first."""
    if shape.keys is not None:
        return pa.struct([(name, _as_read(inner)) for name, inner in shape.keys.items()])
    if shape.items is not None:
        return pa.list_(_as_read(shape.items))
    kind = shape.type
    in_json = (types.is_signed_integer, types.is_float64, types.is_boolean, types.is_decimal128)
    return kind if any(is_one(kind) for is_one in in_json) else pa.string()


def _shaped(values: Array, shape: Shape, texts: Array) -> Array | None:
    """The values in the types of the shape; None where one of them is not of its type."""
    missing = values.is_null()
    if shape.keys is not None:
        children: list[Array] = []
        for name, inner in shape.keys.items():
            child = _shaped(pc.struct_field(values, name), inner, texts)
            if child is None:
                return None
            children.append(child)
        fields = [pa.field(name, inner.type) for name, inner in shape.keys.items()]
        return pa.StructArray.from_arrays(children, fields=fields, mask=missing)
    if shape.items is not None:
        items = _shaped(values.values, shape.items, texts)
        if items is None:
            return None
        return pa.ListArray.from_arrays(values.offsets, items, type=shape.type, mask=missing)
    if types.is_floating(values.type) and _may_be_lost(values, texts):
        return None
    converted = convert(values, shape.type)
    return None if pc.any(converted.bad).as_py() else converted.values


def _may_be_lost(values: Array, texts: Array) -> bool:
    """Whether a zero may have been a number too small for a float."""
    zero = pc.any(pc.is_in(values, pa.array([0.0, -0.0], values.type))).as_py()
    return bool(zero) and bool(pc.any(pc.match_substring_regex(texts, _LOST)).as_py())
