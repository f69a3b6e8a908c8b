"""Extended JSON: how options and odd values name the BSON types that JSON lacks."""

from datetime import date, datetime, time
from typing import Any

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

# Dates as plain milliseconds, since Python's datetime lacks most of their years.
_OPTIONS = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED, datetime_conversion=DatetimeConversion.DATETIME_MS
)
_FORMS = {
    "$oid": "24 hex digits",
    "$date": "an ISO 8601 time such as 2026-01-31T00:00:00Z, or milliseconds",
    "$numberDecimal": "a decimal number as text",
    "$numberDouble": "a number as text",
    "$numberLong": "a whole number as text",
    "$numberInt": "a whole number as text",
    "$uuid": "a UUID",
    "$binary": "{base64: .., subType: ..}",
    "$regularExpression": "{pattern: .., options: ..}",
    "$timestamp": "{t: seconds, i: number}",
}
_WRONG = (BSONError, ValueError, TypeError, ArithmeticError, KeyError)


def as_json(value: Any) -> str:
    """A value as extended JSON, which names every BSON type that JSON lacks."""
    return json_util.dumps(value, json_options=_OPTIONS, ensure_ascii=False)


def from_json(text: str) -> Any:
    """What `as_json` was given. Raises ValueError for a text that is no extended JSON."""
    try:
        return json_util.loads(text, json_options=_OPTIONS)
    except _WRONG:
        raise ValueError("not extended JSON") from None


def bson_value(value: Any, path: str = "") -> Any:
    """Extended JSON that is parsed already (`{$oid: ..}`, `{$date: ..}`) as BSON types; times stay times.

    Raises ValueError that says where in it something is wrong, and never the value.
    """
    if isinstance(value, dict):
        inner = {name: bson_value(item, f"{path}.{name}".lstrip(".")) for name, item in value.items()}
        try:
            return json_util.object_hook(inner, json_options=_OPTIONS)
        except _WRONG:
            name = next((name for name in inner if name in _FORMS), next(iter(inner), ""))
            place = f"{path}.{name}".lstrip(".")
            raise ValueError(f"at {place}: must be {_FORMS.get(name, 'as extended JSON has it')}") from None
    if isinstance(value, list | tuple):
        return [bson_value(item, f"{path}.{place}".lstrip(".")) for place, item in enumerate(value)]
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min)
    return value
