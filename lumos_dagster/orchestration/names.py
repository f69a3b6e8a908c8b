"""Names that Dagster accepts for what the YAML calls otherwise."""

import hashlib
import re
from collections.abc import Sequence

from lumos_dagster.plan import Path

ROWS = "rows"
"""The output that carries the op's rows."""

DONE = "done"
"""The output that every op gives when it has ended, whatever it did: order-only edges hang on it."""


LOADED = "loaded"
"""The output of a loader whose job is offered as assets: what it wrote, where it wrote it."""


def asset_graph_name(job: str) -> str:
    """The graph that makes a job's assets, around the same ops."""
    return f"{job}__assets"


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


def loaded_output(path: Path) -> str:
    """The output of a graph that says what one of the loaders within has loaded."""
    return f"{LOADED}_{safe('__'.join(path))}"


def waiting_input(parts: Sequence[str]) -> str:
    """The input of an extractor that waits for the asset that it reads."""
    return "source_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def done_output(stage: Path) -> str:
    """The output of a pipeline's sub-graph that says that one of its stages has ended."""
    return f"{DONE}_{safe(stage[-1])}"
