"""Reads YAML safely, by the rules of YAML 1.2's core schema, and remembers where everything stands."""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from lumos_dagster.config.yaml_tree import MAX_DEPTH, Alias, Collection, Node, Place, Scalar, Tree, core_scalar, refuse
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.values import Raw

MAX_BYTES = 1 << 20
MAX_EXPANDED = 100_000

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_HINTS = {
    "mapping values are not allowed": "Put a text that holds ': ' in quotes, or mend the indentation.",
    "could not find expected ':'": "A key needs ': ' after it, on the same line.",
    "did not find expected key": "Mend the indentation, or close the quote or bracket that is open.",
    "did not find expected ',' or": "Inside [..] and {..} put a text that holds brackets, such as ${NAME}, in quotes.",
    "did not find expected '-' indicator": "The items of a list stand in one column.",
    "found character that cannot start any token": "Put a text that begins with a special character in quotes.",
    "unexpected end of stream": "A quote or bracket is never closed.",
    "unknown escape character": "In double quotes write a backslash twice, or use single quotes.",
}


@dataclass(frozen=True)
class Document:
    """What a file says: plain data with text keys, and the place of every key and list item by dotted path.

    `problems` are the mistakes that did not keep the rest from being read.
    """

    data: Mapping[str, Raw]
    places: Mapping[str, Place]
    problems: tuple[Problem, ...] = ()


def decode(raw: bytes, file: str = "") -> str:
    """The text of a job file. Raises ConfigError where it is too large or not UTF-8."""
    if len(raw) > MAX_BYTES:
        raise ConfigError(Problem(f"the file is larger than {MAX_BYTES} bytes", file=file))
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        place = _end_of(raw[: error.start].decode())
        refuse("the file is not UTF-8", file, place, f"byte 0x{raw[error.start]:02x}", "Save it as UTF-8.")


def read_yaml(text: str, file: str = "") -> Document:
    """Read one document whose top level is a mapping.

    Raises ConfigError where the text cannot be read at all: bad syntax, nothing in it, too deep, too large.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(Problem(f"the file is larger than {MAX_BYTES} bytes", file=file))
    if bad := _UNPRINTABLE.search(text):
        refuse("YAML does not allow this character", file, _end_of(text[: bad.start()]), f"U+{ord(bad[0]):04X}")
    try:
        tree = Tree(text, file)
    except yaml.YAMLError as error:
        raise ConfigError(_syntax_problem(error, text, file)) from None
    root = tree.root
    if root is None or (isinstance(root, Scalar) and root.plain and not root.text):
        refuse("the file is empty", file, (1, 1), hint="A job file has version, name and jobs.")
    if not (isinstance(root, Collection) and root.is_mapping):
        found = "a list" if isinstance(root, Collection) else "a single value"
        refuse("a job file is a mapping", file, root.place, found, "It begins with version, name and jobs.")
    builder = _Builder(file, tree.size + MAX_EXPANDED)
    data = builder.mapping(root, "", 1)
    return Document(data, {**builder.places, "": root.place}, (*tree.problems, *builder.problems))


def scalar(text: str) -> Raw:
    """What a text given at launch means: what a plain scalar in the file would, but the empty text stays one."""
    try:
        return core_scalar(text) if text else text
    except ValueError as error:
        raise ConfigError(Problem(str(error), hint="Put it in the file, in quotes, if it is a text.")) from None


class _Builder:
    """Turns a tree of at most `limit` values, aliases followed, into plain data, noting each key's and item's place."""

    def __init__(self, file: str, limit: int) -> None:
        self.file = file
        self.places: dict[str, Place] = {}
        self.problems: list[Problem] = []
        self._left = limit

    def mapping(self, node: Collection, path: str, depth: int) -> dict[str, Raw]:
        """The mapping as a dictionary; a key that stands twice is a problem, and its first value counts."""
        result: dict[str, Raw] = {}
        merges: list[Node] = []
        for key_node, value in zip(node.items[::2], node.items[1::2], strict=True):
            key = self._key(key_node, path)
            if key is None:
                continue
            if key == "<<" and isinstance(key_node, Scalar) and key_node.plain:
                merges.append(value)
                continue
            where = f"{path}.{key}" if path else key
            if key in result:
                hint = f"It stands on line {self.places[where][0]} already."
                self._note(f"duplicate key {key!r}", where, key_node.place, hint)
                continue
            self.places.setdefault(where, key_node.place)
            result[key] = self._value(value, where, depth + 1)
        for value in merges:
            self._merge(result, value, path, depth)
        return result

    def _value(self, node: Node, path: str, depth: int) -> Raw:
        node = _followed(node)
        self._left -= 1
        if self._left < 0:
            refuse(f"the aliases stand for more than {MAX_EXPANDED} values", self.file, node.place)
        if depth > MAX_DEPTH:
            refuse(f"nested more than {MAX_DEPTH} deep", self.file, node.place)
        if isinstance(node, Scalar):
            return self._scalar(node, path)
        if node.is_mapping:
            return self.mapping(node, path, depth)
        values = []
        for index, item in enumerate(node.items):
            where = f"{path}.{index}"
            self.places.setdefault(where, item.place)
            values.append(self._value(item, where, depth + 1))
        return values

    def _scalar(self, node: Scalar, path: str) -> Raw:
        if not node.plain:
            return node.text
        try:
            return core_scalar(node.text)
        except ValueError as error:
            self._note(str(error), path, node.place, "Put it in quotes if it is a text.")
            return None

    def _key(self, node: Node, path: str) -> str | None:
        """A key's text as written, so that `1:` and `"1":` are the same key."""
        target = _followed(node)
        if isinstance(target, Scalar):
            return target.text
        self._note("a key must be a text", path, node.place, "Put a key with brackets or braces in quotes.")
        return None

    def _merge(self, result: dict[str, Raw], node: Node, path: str, depth: int) -> None:
        """Add what `<<` brings; the mapping's own keys win, then the first of several."""
        target = _followed(node)
        several = isinstance(target, Collection) and not target.is_mapping
        for part in target.items if several and isinstance(target, Collection) else [node]:
            merged = self._value(part, path, depth)
            if not isinstance(merged, Mapping):
                self._note("<< takes a mapping, or a list of them", path, part.place, "Name one: <<: *name")
                continue
            for key, value in merged.items():
                result.setdefault(key, value)

    def _note(self, message: str, path: str, place: Place, hint: str) -> None:
        self.problems.append(Problem(message, path=path, file=self.file, line=place[0], column=place[1], hint=hint))


def _followed(node: Node) -> Scalar | Collection:
    return node.target if isinstance(node, Alias) else node


def _end_of(text: str) -> Place:
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return Problem(f"not valid YAML: {error}", file=file)
    problem, context, begun = (getattr(error, name, None) for name in ("problem", "context", "context_mark"))
    message = f"not valid YAML: {problem or context}"
    if problem and context and begun is not None and begun.line != mark.line:
        message += f" ({context} that begins on line {begun.line + 1})"
    hint = next((hint for part, hint in _HINTS.items() if part in message), "")
    lines = text.splitlines()
    if mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        hint = "Indent with spaces; YAML allows no tabs there."
    return Problem(message, file=file, line=mark.line + 1, column=mark.column + 1, hint=hint)
