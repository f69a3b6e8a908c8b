"""Lists as PostgreSQL's arrays are written: {1,NULL,"a b"}."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion import as_text

Array = Any
"""A pyarrow.Array, as in fitting.py."""


def is_list(kind: pa.DataType) -> bool:
    """Whether values of this type are lists."""
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def array_literals(column: Array) -> Array:
    """Each list as one text, lists in lists included; a list that is null stays null."""
    if types.is_fixed_size_list(column.type):
        column = column.cast(pa.list_(column.type.value_type))
    elements: Array = pc.list_flatten(column)
    texts = array_literals(elements) if is_list(elements.type) else _quoted(elements)
    lengths: Array = pc.list_value_length(column)
    ends = pc.cumulative_sum(pc.fill_null(lengths, 0).cast(pa.int64()))
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    lists = pa.LargeListArray.from_arrays(offsets, pc.fill_null(texts, "NULL").cast(pa.large_string()))
    joined: Array = pc.binary_join(lists, pa.scalar(",", pa.large_string()))
    literals: Array = pc.binary_join_element_wise("{", joined.cast(pa.string()), "}", "")
    return pc.if_else(column.is_valid(), literals, None)


def _quoted(elements: Array) -> Array:
    texts = as_text(elements).cast(pa.string())
    if types.is_binary(elements.type) or types.is_large_binary(elements.type):
        texts = pc.binary_join_element_wise("\\x", texts, "")
    escaped = pc.replace_substring_regex(texts, r'(["\\])', r"\\\1")
    return pc.binary_join_element_wise('"', escaped, '"', "")
