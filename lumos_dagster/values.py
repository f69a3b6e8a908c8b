"""`${NAME}`, `${vars.x}`, `$NOW` and friends: found when a file is read, resolved when an op runs."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any

from lumos_dagster.errors import ConfigError, Problem

Raw = Any
"""A value as YAML gives it: None, bool, int, float, str, or lists and string-keyed mappings of these."""

RUN_NAMES = ("NOW", "TODAY", "RUN_ID", "JOB")
"""The placeholders that every run has a value for."""
RUN_VALUES = ("partition", "partition_start", "partition_end")
"""The placeholders that only a run of one partition has a value for."""
_TOKEN = re.compile(
    r"\$\$(?=\{)"  # an escaped opening: $${x} is the text ${x}
    r"|\$\{(?P<braced>[^{}]*)\}"
    rf"|\$(?P<bare>{'|'.join(RUN_NAMES)})\b"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEPTH = 10


@dataclass(frozen=True)
class RunContext:
    """What a run knows about itself; picklable and free of secrets.

    `now` is when the run that began the load started: the same for every op, retry and resume.
    `load_id` names that run. `storage` is the folder or fsspec URL for spool, memory and rejects.
    """

    job: str
    run_id: str
    load_id: str
    now: datetime
    storage: str
    vars: Mapping[str, Raw] = field(default_factory=dict)
    partition: Mapping[str, Raw] = field(default_factory=dict)
    sensor: Mapping[str, str] = field(default_factory=dict)


def placeholders(value: Raw) -> Iterator[str]:
    """The names inside every placeholder of `value`, in order, defaults included in the text."""
    if isinstance(value, str):
        for match in _TOKEN.finditer(value):
            name = match["braced"] if match["braced"] is not None else match["bare"]
            if name is not None:
                yield name
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from placeholders(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from placeholders(item)


def has_placeholder(value: Raw) -> bool:
    """Whether anything in `value` is only known when the op runs."""
    return next(placeholders(value), None) is not None


def with_names(value: Raw, variables: Mapping[str, Raw], depth: int = _DEPTH) -> Raw:
    """`value` with each `${vars.x}` as the file says it, and of any other placeholder its name alone."""
    if isinstance(value, Mapping):
        return {key: with_names(item, variables, depth) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_names(item, variables, depth) for item in value]
    if not isinstance(value, str) or "$" not in value:
        return value

    def named(match: re.Match[str]) -> str:
        name = match["braced"] if match["braced"] is not None else match["bare"]
        if name is None:
            return "$"
        root, _, rest = name.partition(".")
        if root == "vars" and rest in variables and depth:
            return _as_text(with_names(variables[rest], variables, depth - 1))
        return str(name).partition(":-")[0]

    return _TOKEN.sub(named, value)


def check_placeholder(name: str, variables: Mapping[str, Raw]) -> str | None:
    """Say what is wrong with one placeholder as written in a job file, or None where nothing is."""
    root, _, rest = name.partition(".")
    if root == "vars":
        if rest in variables:
            return None
        near = get_close_matches(rest, list(variables), n=1)
        hint = f"; did you mean ${{vars.{near[0]}}}?" if near else ""
        known = ", ".join(variables) or "none"
        return f"${{{name}}} is not under vars: (known: {known}){hint}"
    if root == "sensor" and rest:
        return None
    if name in RUN_VALUES or _NAME.fullmatch(name.split(":-", 1)[0]):
        return None
    return (
        f"${{{name}}} is not a placeholder; allowed: ${{NAME}}, ${{NAME:-default}}, ${{vars.x}}, ${{sensor.x}}, "
        f"${{partition}}, {', '.join(f'${item}' for item in RUN_NAMES)}; write $${{ for a plain ${{"
    )


def resolve(value: Raw, run: RunContext, path: str = "", env: Mapping[str, str] | None = None) -> Raw:
    """Put values in place of every placeholder in `value`.

    A text that is one placeholder and nothing else takes the type of what it names (a date for
    `$TODAY`, whatever the YAML says for `${vars.x}`); inside a longer text all become text.
    Raises ConfigError naming every placeholder that has no value, with its path.
    """
    resolver = _Resolver(run, os.environ if env is None else env)
    result = resolver.value(value, path, _DEPTH)
    if resolver.problems:
        raise ConfigError(resolver.problems)
    return result


class _Resolver:
    def __init__(self, run: RunContext, env: Mapping[str, str]) -> None:
        self.run = run
        self.env = env
        self.problems: list[Problem] = []

    def value(self, value: Raw, path: str, depth: int) -> Raw:
        if isinstance(value, str):
            return self._text(value, path, depth)
        if isinstance(value, Mapping):
            return {key: self.value(item, f"{path}.{key}" if path else str(key), depth) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, f"{path}.{index}", depth) for index, item in enumerate(value)]
        return value

    def _text(self, text: str, path: str, depth: int) -> Raw:
        whole = _TOKEN.fullmatch(text)
        if whole and (name := whole["braced"] if whole["braced"] is not None else whole["bare"]) is not None:
            return self._lookup(name, path, depth)

        def replace(match: re.Match[str]) -> str:
            name = match["braced"] if match["braced"] is not None else match["bare"]
            return "$" if name is None else _as_text(self._lookup(name, path, depth))

        return _TOKEN.sub(replace, text)

    def _lookup(self, name: str, path: str, depth: int) -> Raw:
        built_in = {"NOW": self.run.now, "TODAY": self.run.now.date(), "RUN_ID": self.run.run_id, "JOB": self.run.job}
        if name in built_in:
            return built_in[name]
        root, _, rest = name.partition(".")
        if root == "vars" and rest in self.run.vars:
            if depth == 0:
                return self._missing(path, f"${{{name}}} refers to itself")
            return self.value(self.run.vars[rest], f"vars.{rest}", depth - 1)
        if root == "sensor" and rest in self.run.sensor:
            return self.run.sensor[rest]
        if name in RUN_VALUES:
            if name in self.run.partition:
                return self.run.partition[name]
            return self._missing(path, f"${{{name}}} has no value: this run has no partition")
        if root in ("vars", "sensor") and rest:
            return self._missing(path, f"${{{name}}} has no value in this run")
        variable, has_default, default = name.partition(":-")
        if variable in self.env and (self.env[variable] or not has_default):
            return self.env[variable]
        if has_default:
            return default
        return self._missing(
            path,
            f"the environment variable {variable} is not set",
            f"Set {variable}, or give a default: ${{{variable}:-...}}.",
        )

    def _missing(self, path: str, message: str, hint: str = "") -> str:
        self.problems.append(Problem(message, path=path, hint=hint))
        return ""


def _as_text(value: Raw) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)
