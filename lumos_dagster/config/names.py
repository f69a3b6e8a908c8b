"""Names: what an entry may be called, and what Dagster calls the job of a file."""

import hashlib
import keyword
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from lumos_dagster.errors import Problem

ENTRY_NAME = re.compile(r"[A-Za-z0-9_-]+")
_RESERVED = frozenset(
    (
        *keyword.kwlist, "arg_dict", "bool", "conf", "config", "context", "dict", "float", "input",
        "input_arg_dict", "int", "meta", "output", "output_arg_dict", "str", "type",
    )
)  # fmt: skip
"""What Dagster refuses as a definition's name."""


def name_problem(name: str, path: str) -> list[Problem]:
    """What is wrong with an entry's name, if anything."""
    if ENTRY_NAME.fullmatch(name):
        return []
    hint = "`description` takes any text."
    allowed = ("letters A to Z and a to z", "digits", "_", "-")
    return [Problem("not a name for a job", path=path, found=repr(name), allowed=allowed, hint=hint)]


def safe_name(name: str) -> str:
    """The name of an op (`load`, or `orders.load` in a pipeline) in the letters that Dagster allows for definitions."""
    return name.replace("-", "_").replace(".", "__")


def dagster_name(file: str | Path) -> str:
    """The Dagster name of a file's job: its stem, each letter that Dagster does not allow as `_`.

    A stem with no ASCII letter or digit becomes `job_` and a short hash; a word that Dagster reserves gets `_job`.
    """
    stem = Path(file).stem
    if not re.search(r"[A-Za-z0-9]", stem):
        return f"job_{hashlib.sha256(stem.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
    name = re.sub(r"[^A-Za-z0-9_]", "_", stem)
    return f"{name}_job" if name in _RESERVED else name


def same_names(files: Iterable[str | Path]) -> dict[str, Problem]:
    """The problem of each file whose job has the same Dagster name as another's, by path."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for file in files:
        by_name[dagster_name(file)].append(str(file))
    return {
        file: Problem(
            f"two files give the Dagster job {name!r}: {' and '.join(sharing)}", file=file, hint="Rename one of them."
        )
        for name, sharing in by_name.items()
        if len(sharing) > 1
        for file in sharing
    }
