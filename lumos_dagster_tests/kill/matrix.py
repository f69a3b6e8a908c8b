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
NO_DISK = "The disks of PostgreSQL and MariaDB were NOT filled: that takes root, and the right to mount a tmpfs."
"""Said where it is so."""
HARMS: Mapping[str, str] = {
    "killed at a step": "SIGKILL before and after commits, renames and round trips, and at steps chosen at random; all "
    "lines, staged and streaming.",
    "line cut": "The TCP connection goes through a proxy, which cuts it after a random number of bytes, and at the last "
    "commit (in MongoDB: command) with and without the server receiving it. With a retry the run ends well by itself; "
    "else the resume ends it. PostgreSQL, MariaDB, MongoDB: each line.",
    "server restarted": "The server crashes (PostgreSQL: immediate stop; MariaDB, MongoDB: SIGKILL) while the load stands "
    "at a random step, and starts again on the same data and port. The MongoDB is SecantusDB on disk, synced on each commit.",
    "no room": "CSV, SQLite and the spool: no file may outgrow 1 MB (RLIMIT_FSIZE, which needs no rights). PostgreSQL "
    "and MariaDB: the database lies on a tmpfs with 1 MiB left, which takes root and the right to mount; where that is "
    "missing, the output says so. A MariaDB 10.11 may end itself there, and is then started anew. Not had: a full disk under a MongoDB, and under the servers' own logs.",
    "overtaken": "The load stands still (SIGSTOP), is taken for dead, and a resume ends it; then it goes on (SIGCONT), and "
    "must not commit. With its connection dropped by the server at a random step, and kept between the commits of "
    "`commit: batch` (not of a replace, which keeps all others waiting as long as its connection lasts). PostgreSQL and MariaDB: each line.",
    "killed by the clock": "SIGKILL from outside at a random moment after the first step; each line.",
    "one of two killed": "With the multiprocess executor the op's process dies, or the run's, in the middle of the load; "
    "one line for each target.",
}
"""What is done to loads, and to which."""
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
    source: Literal["csv", "postgresql"] = "csv"
    """Where the rows come from: of PostgreSQL, they go on in the bytes that it sends wherever the target takes them."""

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
_PASSED_ON = (("postgresql", "insert"), ("postgresql", "replace"), ("mariadb", "insert"), ("mariadb", "truncate"))


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


def _together(target: str) -> Line:
    return Line(target, "replace, connections: 2", "transactional", {"load_mode": "replace", "connections": 2})


def _as_sent(target: str, mode: str, promise: Promise, option: str) -> Line:
    return Line(target, f"{mode}, from postgresql", promise, {option: mode}, source="postgresql")


LINES: tuple[Line, ...] = (
    *_database("sqlite"),
    *_database("postgresql"),
    _together("postgresql"),
    *_database("mariadb"),
    _together("mariadb"),
    Line("csv", "overwrite", "transactional"),
    Line("csv", "append", "resumable", {"mode": "append"}),
    *(_as_sent(target, mode, "transactional", "load_mode") for target, mode in _PASSED_ON),
    _as_sent("csv", "overwrite", "transactional", "mode"),
    _as_sent("csv", "append", "resumable", "mode"),
    Line("mongodb", "insert", "idempotent", {"mode": "insert"}),
    Line("mongodb", "insert, own _id", "resumable", {"mode": "insert"}, own_ids=True),
    Line("mongodb", "update", "idempotent", {"mode": "update", "key_field": "id"}),
    Line("mongodb", "upsert", "idempotent", {"mode": "upsert", "key_field": "id"}),
    Line("mongodb", "replace", "transactional", {"mode": "replace"}),
)


def line_named(name: str) -> Line:
    """The line of that name."""
    return next(line for line in LINES if line.name == name)
