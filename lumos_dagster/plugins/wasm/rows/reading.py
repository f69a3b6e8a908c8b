"""JSON values to Arrow columns: of a type they should have, exactly, or of the one that all of them fit."""

import base64
import binascii
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyarrow import types

from lumos_dagster.conversion import convert, is_text
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.errors import DataError

EXACT_IN_FLOAT = 1 << 53


class UnfitError(Exception):
    """The value at `index` is not of the type that is wanted."""

    def __init__(self, index: int, value: Any) -> None:
        super().__init__(index, value)
        self.index, self.value = index, value


def typed(values: Sequence[Any], kind: Kind) -> Array:
    """The values as an array of that type. Raises UnfitError for the first that would not stay the same."""
    if types.is_struct(kind):
        return _objects(values, kind)
    if types.is_map(kind):
        entries = _lists(values, pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
        keys, items = entries.values.flatten()
        maps: Any = pa.MapArray
        return maps.from_arrays(entries.offsets, keys, items, type=kind, mask=entries.is_null())
    if _is_list(kind):
        return _lists(values, kind.value_type).cast(kind)
    direct = _direct(values, kind)
    return _by_text(values, kind) if direct is None else direct


def inferred(values: Sequence[Any]) -> Kind:
    """The type that all values fit: integers, floats, booleans, nested ones, and text for all that is mixed."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int}:
        return _integers(values)
    if kinds and kinds <= {int, float, Decimal}:
        whole = (abs(value) for value in values if isinstance(value, int))
        return pa.float64() if max(whole, default=0) <= EXACT_IN_FLOAT else pa.string()
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {list}:
        return pa.list_(inferred([item for value in values if value is not None for item in value]))
    if kinds == {dict}:
        names = dict.fromkeys(name for value in values if value is not None for name in value)
        found = [value or {} for value in values]
        return (
            pa.struct([(name, inferred([value.get(name) for value in found])) for name in names])
            if names
            else pa.string()
        )
    return pa.string()


def _integers(values: Sequence[Any]) -> Kind:
    present = [value for value in values if value is not None]
    low, high = min(present), max(present)
    if low >= -(1 << 63) and high < 1 << 63:
        return pa.int64()
    return pa.uint64() if low >= 0 and high < 1 << 64 else pa.string()


def _direct(values: Sequence[Any], kind: Kind) -> Array | None:
    """The array, where Arrow's own conversion from these Python types is exact."""
    found = {type(value) for value in values} - {type(None)}
    if not found:
        return pa.nulls(len(values), kind)
    if is_text(kind) and found <= {str}:
        base: Kind = pa.string()
    elif types.is_boolean(kind) and found <= {bool}:
        base = pa.bool_()
    elif (types.is_integer(kind) and found <= {int}) or (types.is_float64(kind) and found <= {float}):
        base = kind
    elif types.is_duration(kind) and found <= {int}:
        base = pa.int64()
    else:
        return None
    try:
        return pa.array(values, base).cast(kind)
    except UnicodeEncodeError:
        index = next(at for at, value in enumerate(values) if value is not None and not is_unicode(value))
        raise UnfitError(index, ascii(values[index])) from None
    except (pa.ArrowInvalid, OverflowError):
        return None  # the other way finds the value that does not fit


def _by_text(values: Sequence[Any], kind: Kind) -> Array:
    if _is_binary(kind):
        return _binary(values, kind)
    texts = [None if value is None else plain(value) for value in values]
    try:
        converted = convert(pa.array(texts, pa.string()), kind)
    except (DataError, UnicodeEncodeError):
        index = next(at for at, text in enumerate(texts) if text is not None)
        raise UnfitError(index, values[index]) from None
    if converted.bad.true_count:
        index = converted.bad.index(True).as_py()
        raise UnfitError(index, values[index])
    return converted.values


def _binary(values: Sequence[Any], kind: Kind) -> Array:
    found: list[bytes | None] = []
    for index, value in enumerate(values):
        try:
            found.append(None if value is None else base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError, TypeError):
            raise UnfitError(index, value) from None
    try:
        return pa.array(found, kind)
    except pa.ArrowInvalid:
        raise UnfitError(0, values[0]) from None


def _objects(values: Sequence[Any], kind: Kind) -> Array:
    names = {field.name for field in kind}
    for index, value in enumerate(values):
        if value is not None and not (isinstance(value, dict) and value.keys() <= names):
            raise UnfitError(index, value)
    found = [value or {} for value in values]
    children = [typed([value.get(field.name) for value in found], field.type) for field in kind]
    missing = pa.array([value is None for value in values], pa.bool_())
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=missing)


def _lists(values: Sequence[Any], items: Kind) -> Array:
    ends: list[int] = [0]
    flat: list[Any] = []
    for index, value in enumerate(values):
        if value is not None and not isinstance(value, list):
            raise UnfitError(index, value)
        flat.extend(value or ())
        ends.append(len(flat))
    missing = pa.array([value is None for value in values], pa.bool_())
    try:
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), typed(flat, items), mask=missing)
    except UnfitError as error:
        index = next(at for at, end in enumerate(ends[1:]) if error.index < end)
        raise UnfitError(index, values[index]) from None


def plain(value: Any) -> str:
    """A JSON value as text: text as it is, numbers and booleans in JSON's own spelling, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _is_list(kind: Kind) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_binary(kind: Kind) -> bool:
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )


def is_unicode(text: str) -> bool:
    """Whether it is text at all: JSON can spell half a surrogate pair, which is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
