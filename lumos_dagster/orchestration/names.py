"""Names that Dagster accepts for what the YAML calls otherwise."""

import re

from lumos_dagster.plan import Path

ROWS = "rows"
"""The output that carries the op's rows."""

DONE = "done"
"""The output that every op gives when it has ended, whatever it did: order-only edges hang on it."""


def definition_name(job: str, path: Path) -> str:
    """An op definition's name, unique in the location; the op is shown under its own name as an alias."""
    return "__".join((job, *(safe(part) for part in path)))


def safe(name: str) -> str:
    """The name in the letters that Dagster allows everywhere."""
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def rows_input(parent: Path) -> str:
    """The input that takes the rows of a parent."""
    return "rows_of_" + safe("__".join(parent))


def order_input(parent: Path) -> str:
    """The input that only waits for a parent."""
    return "after_" + safe("__".join(parent))


def done_output(stage: Path) -> str:
    """The output of a pipeline's sub-graph that says that one of its stages has ended."""
    return f"{DONE}_{safe(stage[-1])}"
