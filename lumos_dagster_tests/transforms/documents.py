"""JSON documents row by row in plain Python, to hold the columns against; numbers stay as they are spelled."""

import json
import re
from itertools import accumulate
from typing import Any, NoReturn

import pyarrow as pa

from lumos_dagster.conversion import convert
from lumos_dagster.transforms.documents.grammar import DEEPEST
from lumos_dagster.transforms.shape import Shape

BAD = object()
"""Stands for what is not JSON, or not of a shape."""


class Number(str):
    """A number of JSON, as it is spelled."""

    __slots__ = ()


def load(text: str) -> Any:
    """The document; BAD where it is none."""
    try:
        found = json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=_no_number, object_pairs_hook=_object
        )
        _check_texts(found)
    except (ValueError, RecursionError):
        return BAD
    return found if _depth(text) <= DEEPEST else BAD


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _check_texts(pairs)  # also of a value that a later one of the same name replaces
    return dict(pairs)


def _check_texts(found: Any) -> None:
    """UnicodeEncodeError for half a surrogate pair, which is no text."""
    json.dumps(found, ensure_ascii=False).encode()


def dump(value: Any) -> str:
    """The value as JSON without blanks."""
    match value:
        case Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{dump(name)}:{dump(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def fitted(value: Any, shape: Shape) -> Any:
    """The value in the shape's types; BAD where it, or something in it, is not of the shape."""
    if value is None or value is BAD:
        return value
    if shape.keys is not None:
        if not isinstance(value, dict):
            return BAD
        parts = {name: fitted(value.get(name), inner) for name, inner in shape.keys.items()}
        return BAD if BAD in parts.values() else parts
    if shape.items is not None:
        if not isinstance(value, list):
            return BAD
        items = [fitted(item, shape.items) for item in value]
        return BAD if BAD in items else items
    text = str(value) if isinstance(value, str) else dump(value)
    converted = convert(pa.array([text]), shape.type)
    return BAD if converted.bad[0].as_py() else converted.values[0].as_py()


def _depth(text: str) -> int:
    brackets = re.sub(r'"(?:[^"\\]|\\.)*"|[^\[\]{}]', "", text)
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0)


def _no_number(spelled: str) -> NoReturn:
    raise ValueError(f"{spelled} is no number of JSON")
