"""Objects and lists as JSON: the texts of what is in them are joined, whole columns at a time."""

import json
from collections.abc import Callable
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.kinds import Array, Kind, impossible, unwrapped
from lumos_dagster.conversion.writing import as_text

_NULL = "null"
_ESCAPED = r'["\\\x00-\x1f]'
_ESCAPES = {chr(code): json.dumps(chr(code))[1:-1] for code in (ord("\\"), ord('"'), *range(0x20))}
"""Each character that a text in JSON must not hold as it is; the backslash first, as the others bring some."""
_BARE = (types.is_boolean, types.is_integer)
_LISTS = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)


def as_json(column: Array) -> Array:
    """Each object or list as JSON without blanks; null stays null.

    Numbers and truth values are JSON's own, decimals and all else are texts, written as `as_text` writes them. A map
    is a list of pairs, as its keys need not be texts.
    """
    return pc.if_else(column.is_valid(), _json(column), None)


def _json(column: Array) -> Array:
    """The JSON of each value, and JSON's null for null."""
    column = unwrapped(column)
    kind: Kind = column.type
    if types.is_null(kind):
        return pa.repeat(_NULL, len(column))
    if types.is_struct(kind):
        found = _object(column, kind)
    elif types.is_map(kind):
        pair = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        found = _list(column.cast(pa.list_(pair)), _pair)
    elif any(is_one(kind) for is_one in _LISTS):
        found = _list(column, _json)
    elif types.is_nested(kind):
        raise impossible(kind, pa.string())
    elif any(is_one(kind) for is_one in _BARE):
        found = as_text(column)
    elif types.is_floating(kind):
        found = _number(column)
    else:
        found = quoted(as_text(column))
    return pc.if_else(column.is_valid(), found, _NULL)


def _object(column: Array, kind: Kind) -> Array:
    parts: list[Array] = [pa.repeat("{", len(column))]
    for place, field in enumerate(kind):
        key = json.dumps(field.name, ensure_ascii=False)
        parts += [f"{',' if place else ''}{key}:", _json(pc.struct_field(column, [place]))]
    return pc.binary_join_element_wise(*parts, "}", "")


def _pair(column: Array) -> Array:
    key, value = (_json(pc.struct_field(column, [place])) for place in (0, 1))
    return pc.binary_join_element_wise("[", key, ",", value, "]", "")


def _list(column: Array, of_item: Callable[[Array], Array]) -> Array:
    items = of_item(pc.list_flatten(column))
    lengths: Array = pc.list_value_length(column).cast(pa.int32()).fill_null(0)
    ends = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    joined: Array = pc.binary_join(pa.ListArray.from_arrays(ends, items), ",")
    return pc.binary_join_element_wise("[", joined, "]", "")


def _number(column: Array) -> Array:
    """JSON has no NaN and no infinities; they are spelled as its readers take them that take them at all."""
    return pc.replace_substring(as_text(column), "inf", "Infinity")


def quoted(text: Array) -> Array:
    """Texts as JSON strings."""
    if pc.any(pc.match_substring_regex(text, _ESCAPED)).as_py():
        present = [mark for mark in _ESCAPES if pc.any(pc.match_substring(text, mark)).as_py()]
        text = reduce(lambda made, mark: pc.replace_substring(made, mark, _ESCAPES[mark]), present, text)
    return pc.binary_join_element_wise('"', text, '"', "")
