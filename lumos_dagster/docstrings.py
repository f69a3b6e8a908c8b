"""The docstrings that stand under a class's fields, read from its source when somebody wants to show them."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path


def field_docstrings(cls: type) -> dict[str, str]:
    """Field -> the text under it, for the fields of a class and of those that it is made from; none without source.

    Python does not keep these texts. Pydantic can, but reads each class's source when the class is made, which
    is a third of a short command's time.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found |= _of_file(_source(base)).get(base.__qualname__, {})
    return found


def _source(cls: type) -> str:
    try:
        return inspect.getsourcefile(cls) or ""
    except (TypeError, OSError):
        return ""


@cache
def _of_file(path: str) -> Mapping[str, dict[str, str]]:
    try:
        return dict(_classes(ast.parse(Path(path).read_bytes()), ""))
    except (OSError, SyntaxError):
        return {}


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{prefix}{child.name}", _texts(child)
            yield from _classes(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            yield from _classes(child, f"{prefix}{child.name}.<locals>.")


def _texts(cls: ast.ClassDef) -> dict[str, str]:
    """The field above each statement that is only a text."""
    found = {}
    for above, below in zip(cls.body, cls.body[1:], strict=False):
        match above, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
