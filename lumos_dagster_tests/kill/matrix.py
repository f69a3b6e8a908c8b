"""What is promised of a load that dies in the middle, as declared data: one line for each target and mode."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Promise = Literal["transactional", "resumable", "idempotent"]
Execution = Literal["staged", "streaming"]

MEANING: Mapping[Promise, str] = {
    "transactional": "Until the load is done, the target holds exactly its old rows; then exactly the new state. "
    "Nothing in between is ever there to be read.",
    "resumable": "A dead load leaves its first rows behind. The target or a file beside it tells how far it came; the "
    "resume goes on from there, or takes them away first.",
    "idempotent": "A dead load leaves some of its rows behind. The resume sends them all again, and those that are "
    "there already stay as they are.",
}
EXECUTIONS: tuple[Execution, ...] = ("staged", "streaming")
BATCH = 500


@dataclass(frozen=True)
class Line:
    """A target in a mode: the loader's options, and what is promised."""

    target: str
    mode: str
    promise: Promise
    options: Mapping[str, Any] = field(default_factory=dict)
    own_ids: bool = False
    """Whether the input brings the document's `_id`."""

    @property
    def merge(self) -> str:
        """How new rows meet old ones."""
        return self.mode.split(",")[0]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.target}: {self.mode}"


_MODES = ("insert", "update", "upsert", "replace", "truncate", "delete_insert")
_SWAPPED_BY_BATCH = (("postgresql", "replace"), ("mariadb", "replace"))
"""Which load by batches is filled beside the target, so that only its last commit shows."""
_NOT_BY_BATCH = ("delete_insert",)


def _database(target: str) -> tuple[Line, ...]:
    whole = [Line(target, mode, "transactional", {"load_mode": mode}) for mode in _MODES]
    by_batch = [
        Line(
            target,
            f"{mode}, commit: batch",
            "transactional" if (target, mode) in _SWAPPED_BY_BATCH else "resumable",
            {"load_mode": mode, "commit": "batch", "batch_size": BATCH},
        )
        for mode in _MODES
        if mode not in _NOT_BY_BATCH
    ]
    return (*whole, *by_batch)


LINES: tuple[Line, ...] = (
    *_database("sqlite"),
    *_database("postgresql"),
    *_database("mariadb"),
    Line("csv", "overwrite", "transactional"),
    Line("csv", "append", "resumable", {"mode": "append"}),
    Line("mongodb", "insert", "idempotent", {"mode": "insert"}),
    Line("mongodb", "insert, own _id", "resumable", {"mode": "insert"}, own_ids=True),
    Line("mongodb", "update", "idempotent", {"mode": "update", "key_field": "id"}),
    Line("mongodb", "upsert", "idempotent", {"mode": "upsert", "key_field": "id"}),
    Line("mongodb", "replace", "transactional", {"mode": "replace"}),
)
