"""The mistakes and warnings of one file as they are found, each put at its line."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from lumos_dagster.config.sections import Section
from lumos_dagster.config.yaml_text import Document
from lumos_dagster.config.yaml_tree import Place
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.problems import problems_of
from lumos_dagster.values import Raw, placeholders

S = TypeVar("S", bound=Section)


class Findings:
    """What is wrong with a file, and with it what can be read all the same."""

    def __init__(self, file: str, document: Document) -> None:
        self.file = file
        self.places = document.places
        self.problems = list(document.problems)
        self.warnings: list[Problem] = []
        self._written: dict[str, str] = {}

    def add(self, *problems: Problem) -> None:
        """Note mistakes."""
        self.problems.extend(self._placed(problem) for problem in problems)

    def has(self, path: str) -> bool:
        """Whether what stands at `path` is known to be wrong as a whole."""
        return any(problem.path == path for problem in self.problems)

    def warn(self, problem: Problem) -> None:
        """Note what is accepted, but should be changed."""
        self.warnings.append(self._placed(problem))

    def call(self, path: str, written: str) -> None:
        """Let `path` (an entry by its name) stand for where it is written in the file (an entry by its number)."""
        self._written[path] = written

    def place(self, path: str) -> Place:
        """Where `path` stands, or what is nearest around it."""
        while True:
            written = self._as_written(path)
            if written in self.places:
                return self.places[written]
            path = path.rpartition(".")[0]

    def places_by_name(self) -> dict[str, Place]:
        """Every place by the path that an op's errors name: entries by their names, a pipeline's parts as stages."""
        names = {written: path for path, written in self._written.items()}
        found: dict[str, Place] = {}
        for written, place in self.places.items():
            parts = written.split(".")
            entry = ".".join(parts[:2])
            found[".".join((names.get(entry, entry), *_stage(parts[2:])))] = place
        return found

    def item(self, path: str, index: int) -> str:
        """The path of an item where `path` is a list, else `path` itself: one text may stand for a list of one."""
        item = f"{path}.{index}"
        return item if self._as_written(item) in self.places else path

    def read(self, model: type[S], raw: Raw, path: str) -> S:
        """What can be read of `raw`; every mistake is noted, and what is wrong counts as not written."""
        if not isinstance(raw, Mapping):
            self.add(Problem("must be a mapping", path=path))
            return model()
        for key in model.REQUIRED:
            if raw.get(key) is None:
                where = f"{path}.{key}" if path else key
                message = f"the required key {key!r} is missing"
                self.add(Problem(message, path=where if key in raw else path))
        self._refuse_placeholders({key: value for key, value in raw.items() if key not in model.LATE}, path)
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            self.add(*problems_of(error, raw, path))
            wrong = {detail["loc"][0] for detail in error.errors(include_url=False)}
            return model.model_validate({key: value for key, value in raw.items() if key not in wrong})

    def raise_any(self) -> None:
        """Raise ConfigError with every mistake, in the order of the file."""
        if self.problems:
            raise ConfigError(in_order(self.problems))

    def _refuse_placeholders(self, raw: Raw, path: str) -> None:
        for where, text, _ in placeholders_in(raw, path):
            hint = "A placeholder stands in options or vars, whose values may be known only when an op runs."
            self.add(Problem("this value must be known when the file is read", path=where, found=repr(text), hint=hint))

    def _as_written(self, path: str) -> str:
        parts = path.split(".")
        entry = ".".join(parts[:2])
        return ".".join((self._written[entry], *parts[2:])) if entry in self._written else path

    def _placed(self, problem: Problem) -> Problem:
        line, column = self.place(problem.path)
        return replace(problem, file=self.file, line=line, column=column)


def _stage(parts: list[str]) -> list[str]:
    """What stands below an entry, a pipeline's part by the name of its stage."""
    match parts:
        case ["pipeline", "extractor", *rest]:
            return ["extract", *rest]
        case ["pipeline", "transformers", index, *rest]:
            return [f"transform_{int(index) + 1}", *rest]
        case ["pipeline", "loader", *rest]:
            return ["load", *rest]
    return parts


def placeholders_in(value: Raw, path: str) -> Iterator[tuple[str, str, str]]:
    """Every placeholder in `value`: its path, the text that it stands in, its name."""
    if isinstance(value, str):
        for name in placeholders(value):
            yield path, value, name
    elif isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from placeholders_in(item, f"{path}.{key}" if path else str(key))


def in_order(problems: list[Problem]) -> list[Problem]:
    """Each problem once, by line and column."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line or 0, problem.column or 0))
