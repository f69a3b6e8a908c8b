"""The ground that all levels of a job file stand on: a Section, and the values that several of them share."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from lumos_dagster.config.cron import cron_mistake
from lumos_dagster.interface import StrictModel
from lumos_dagster.problems import near
from lumos_dagster.values import Raw

_OWNER = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}|team:.+")


def _wrong(text: str, found: Raw, hint: str = "") -> PydanticCustomError:
    return PydanticCustomError("lumos", "{text}", {"text": text, "found": found, "hint": hint})


def _number(value: Raw) -> Raw:
    if isinstance(value, bool):
        raise _wrong("must be a number", value)
    return value


def _version(value: Raw) -> str:
    if isinstance(value, bool) or not re.fullmatch(r"1(\.[0-9]+)?", str(value)):
        raise _wrong("must be 1 or 1.x", value)
    return str(value)


def _title(value: str) -> str:
    if not value.strip():
        raise _wrong("must not be blank", value)
    return value


def _names(value: Raw) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(item, str | int) and not isinstance(item, bool) for item in items):
        raise _wrong("must be a job's name or a list of them", value)
    return tuple(str(item) for item in items)


def _max_rejects(value: Raw) -> str:
    text = "" if isinstance(value, bool) else str(value).strip()
    if re.fullmatch(r"[0-9]+", text):
        return text
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?%", text) and float(text[:-1]) <= 100:
        return text
    raise _wrong("must be a number of rows, or a share such as 1%", value)


def _jobs(value: Raw) -> Raw:
    if not isinstance(value, dict | list):
        raise _wrong("must be a mapping of jobs by name, or a list of jobs", value)
    return value


def _tag(value: Raw) -> Raw:
    return ("false", "true")[value] if isinstance(value, bool) else value


def _owner(value: str) -> str:
    if not _OWNER.fullmatch(value):
        raise _wrong("must be an e-mail address or team:name", value)
    return value


def _cron(value: str) -> str:
    if mistake := cron_mistake(value):
        raise _wrong(mistake, value)
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, LookupError, OSError):
        hint = near(value, available_timezones()) or "Write it as Asia/Shanghai or UTC."
        raise _wrong("must be a time zone of the IANA list", value, hint) from None
    return value


def _moment(value: Raw) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise _wrong("must be a date or a time, as 2026-01-31 or 2026-01-31T12:00", value) from None
    if moment.tzinfo is not None:
        raise _wrong("must not name a time zone", value, "Say which one is meant under timezone.")
    return moment


Whole = Annotated[int, Field(ge=0), BeforeValidator(_number)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_number)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_number)]
_ONE_OR_MORE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Names = Annotated[tuple[str, ...], BeforeValidator(_names), WithJsonSchema(_ONE_OR_MORE)]
_COUNT_OR_SHARE = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%?$"}]
}
MaxRejects = Annotated[str, BeforeValidator(_max_rejects), WithJsonSchema(_COUNT_OR_SHARE)]
_VERSION = {
    "anyOf": [{"type": "string", "pattern": r"^1(\.[0-9]+)?$"}, {"type": "number", "minimum": 1, "exclusiveMaximum": 2}]
}
Version = Annotated[str, BeforeValidator(_version), WithJsonSchema(_VERSION)]
Title = Annotated[str, AfterValidator(_title), WithJsonSchema({"type": ["string", "number"], "pattern": r"\S"})]
Jobs = Annotated[Any, BeforeValidator(_jobs)]
Tag = Annotated[str, BeforeValidator(_tag), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Owner = Annotated[str, AfterValidator(_owner)]


Every = Annotated[int, Field(gt=0), BeforeValidator(_number)]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]
Cron = Annotated[str, AfterValidator(_cron)]
Timezone = Annotated[str, AfterValidator(_timezone)]


class Section(StrictModel):
    """One level of a job file. A key with nothing after it counts as not written.

    What REQUIRED names is told apart from the rest, so that a file that lacks it is still read for other mistakes.
    """

    REQUIRED: ClassVar[tuple[str, ...]] = ()
    LATE: ClassVar[frozenset[str]] = frozenset()
    """The keys whose values may hold `${..}`, to be resolved when an op runs, or that are shown as they are."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nothing(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None or key == "on_error"}
