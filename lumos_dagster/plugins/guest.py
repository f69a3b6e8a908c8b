"""Between the project and code that is not Python: a driver opens a guest, which takes and gives Arrow rows."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

from lumos_dagster.accounting import Task

Kind = Literal["extractor", "transformer", "loader"]


@dataclass(frozen=True)
class Description:
    """What a binary says of itself, and what it asks of its host.

    `options` is the JSON Schema of its options, one for each kind where they differ, else under "".
    `needs` are the rights without which it cannot be loaded (`net`).
    """

    name: str
    version: str
    abi: str
    kinds: tuple[Kind, ...]
    description: str = ""
    author: str = ""
    license: str = ""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rights:
    """What a guest may reach beyond its own memory: what its manifest asks, the operator granted and the job left.

    `net` holds "host:port"; `fs` folders; `env` names of environment variables; `secrets` names of options
    whose values it may see.
    """

    net: tuple[str, ...] = ()
    fs: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What a guest may use: memory in MiB, wall-clock seconds for each call, lines of log for each attempt."""

    memory_mb: int = 256
    timeout_seconds: float = 60.0
    log_lines: int = 1000


class Guest(Protocol):
    """A plugin's code, loaded for one attempt of one op, within its rights and limits.

    `options` is the JSON text of the options. Each method raises PluginError, naming plugin, call and
    cause, for a guest that breaks its contract or its limits; ConfigError, TransientError, DataError or
    TerminalError for what the guest itself reports as such. After an error the guest is closed.
    """

    def extract(self, options: str) -> AbstractContextManager[pa.RecordBatchReader]:
        """The rows that it reads."""

    def transform(self, options: str, rows: pa.RecordBatchReader) -> AbstractContextManager[pa.RecordBatchReader]:
        """What it makes of the rows."""

    def load(self, options: str, rows: pa.RecordBatchReader) -> int:
        """How many rows it has put in their place: all of them and committed, or it raises."""


class Driver(Protocol):
    """One way to load code that is not Python."""

    def describe(self, binary: Path) -> Description:
        """What the binary says of itself, asked where it can do no harm. Raises PluginError for one of another kind."""

    def open(
        self, binary: Path, rights: Rights, limits: Limits, task: Task, name: str = ""
    ) -> AbstractContextManager[Guest]:
        """The guest, its log lines going to `task.log`, its blocking calls broken by `task.cancellation`.

        Errors call it by `name`, by default that of its file.
        """
