"""Turns pydantic's findings into Problems: the path as written, what was found, what is allowed, a near miss."""

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from lumos_dagster.errors import Problem
from lumos_dagster.values import Raw, has_placeholder

Name = TypeVar("Name", bound=Hashable)

_MUST_BE = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_TOO_SHORT = ("too_short", "string_too_short")
_MAY_QUOTE = ("value_error", "lumos", "secret_value")
"""Findings in a component's own words, which may quote the value."""


def problems_of(error: ValidationError, raw: Raw, path: str = "", resolved: bool = False) -> list[Problem]:
    """One Problem per finding; `raw` is the value as written, `path` where it stands in the file.

    A finding about a value that holds a placeholder is left out, since its value is not known yet; where it is
    `resolved`, the finding is told without the value.
    """
    findings = (_problem(detail, raw, path, resolved) for detail in error.errors(include_url=False))
    return list(dict.fromkeys(problem for problem in findings if problem))


def near(word: str, known: Iterable[str]) -> str:
    """The question "Did you mean 'x'?" where a known word is close, else the empty text."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean {matches[0]!r}?" if matches else ""


def repeated(names: Iterable[Name]) -> list[Name]:
    """The names that come more than once, each where it comes first."""
    return [name for name, times in Counter(names).items() if times > 1]


def unknown_key(key: str, known: Iterable[str], path: str = "", meant: str = "") -> Problem:
    """The Problem of a key that nobody knows here; `meant` is where it is known."""
    names = tuple(known)
    hint = f"Did you mean {meant!r}?" if meant else near(key, names)
    return Problem(f"unknown key {key!r}", path=path, allowed=names, hint=hint)


def with_known_keys(
    error: ValidationError, known: Iterable[str], secret: Iterable[str], below: Mapping[str, str]
) -> ValidationError:
    """The same error with what pydantic leaves out: the known keys beside an unknown one, and which value is secret.

    `below` are the keys that are known a level deeper, each with the way there.
    """
    known, secret = tuple(known), frozenset(secret)
    lines: list[InitErrorDetails] = []
    for detail in error.errors(include_url=False):
        kind: str | PydanticCustomError = detail["type"]
        context = dict(detail.get("ctx", {}))
        own = len(detail["loc"]) == 1
        if own and detail["type"] == "extra_forbidden":
            more = {"allowed": known, "meant": below.get(str(detail["loc"][0]), "")}
            kind = PydanticCustomError("unknown_key", "unknown key", more)
        elif own and detail["loc"][0] in secret and detail["type"] != "missing":
            kind = PydanticCustomError("secret_value", "{text}", {"text": _message(detail)})
        elif detail["type"] in ("unknown_key", "secret_value", "lumos"):
            kind = PydanticCustomError(detail["type"], "{text}", context | {"text": detail["msg"]})
        lines.append(InitErrorDetails(type=kind, loc=detail["loc"], input=detail["input"], ctx=context))
    return ValidationError.from_exception_data(error.title, lines)


def _problem(detail: ErrorDetails, raw: Raw, path: str, resolved: bool) -> Problem | None:
    keys, value, complete = _walk(detail["loc"], raw)
    where = ".".join(str(part) for part in (path, *keys) if part != "")
    is_about_the_key = detail["type"] in ("unknown_key", "extra_forbidden")
    if isinstance(value, str) and complete and has_placeholder(value) and not is_about_the_key:
        if not resolved:
            return None
        if detail["type"] in _MAY_QUOTE:
            return Problem("the value that this has in the run is not accepted", path=where, found=_shown(value))
    context = detail.get("ctx", {})
    last = str(detail["loc"][-1]) if detail["loc"] else ""
    match detail["type"]:
        case "missing" | "union_tag_not_found":
            return Problem(f"the required key {context.get('discriminator', repr(last))} is missing", path=where)
        case "unknown_key" | "extra_forbidden":
            return unknown_key(last, context.get("allowed", ()), where, context.get("meant", ""))
        case "literal_error" | "enum" | "union_tag_invalid":
            allowed = tuple(
                re.findall(r"'((?:[^'\\]|\\.)*)'", context.get("expected") or context.get("expected_tags", ""))
            )
            found = str(context.get("tag", value))
            return Problem(
                "not an allowed value",
                path=where,
                found=_shown(value if complete and not isinstance(value, Mapping) else found),
                allowed=allowed,
                hint=near(found, allowed),
            )
        case "secret_value" | "value_error" | "lumos":
            return Problem(
                _message(detail),
                path=where,
                found=_shown(context["found"]) if "found" in context else "",
                hint=str(context.get("hint", "")),
                allowed=tuple(context.get("allowed", ())),
            )
    return Problem(_message(detail), path=where, found=_shown(value) if complete else "")


def _message(detail: ErrorDetails) -> str:
    if detail["type"] in _TOO_SHORT and detail.get("ctx", {}).get("min_length") == 1:
        return "must not be empty"
    if detail["type"] in _MUST_BE:
        return f"must be {_MUST_BE[detail['type']]}"
    text = detail["msg"].removeprefix("Value error, ").replace("Input should", "must")
    return text[:1].lower() + text[1:] if text[:2] != text[:2].upper() else text


def _walk(loc: tuple[int | str, ...], raw: Raw) -> tuple[list[int | str], Raw, bool]:
    """Follow `loc` through the value as written, passing over the names of union members that pydantic puts in."""
    keys: list[int | str] = []
    value = raw
    complete = True
    for position, part in enumerate(loc):
        items: Raw = dict(enumerate(value)) if isinstance(value, list | tuple) else value
        if isinstance(items, Mapping) and part in items:
            value = items[part]
            keys.append(part)
        elif position == len(loc) - 1 and isinstance(value, Mapping):
            complete = False
    return keys, value, complete


def _shown(value: Raw) -> str:
    text = value if isinstance(value, str) and "'" not in value else json.dumps(value, ensure_ascii=False, default=str)
    text = f"'{text}'" if isinstance(value, str) and "'" not in value else text
    return text if len(text) <= 60 else text[:57] + "..."
