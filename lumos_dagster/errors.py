"""Every error that a user of Lumos can meet, grouped by what the reader should do about it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, what was found, what is allowed and what to do.

    `path` is the dotted place in the job file (`jobs.load_users.options.load_mode`);
    `line` and `column` count from 1. Nothing here may ever hold a secret.
    """

    message: str
    path: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    found: str = ""
    allowed: tuple[str, ...] = ()
    hint: str = ""

    @property
    def place(self) -> str:
        """`file:line:column`, as far as it is known."""
        parts = [self.file] if self.file else []
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.place, self.path) if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.found:
            text += f"; found {self.found}"
        if self.allowed:
            text += f"; allowed: {', '.join(self.allowed)}"
        if self.hint:
            text += f". {self.hint}"
        return text


class LumosError(Exception):
    """The base of all errors raised on purpose; its text is meant for the user."""


class ConfigError(LumosError):
    """The job file or an option is wrong: edit it. Carries every mistake found, not just the first."""

    def __init__(self, problems: Iterable[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        if isinstance(problems, Problem):
            problems = (problems,)
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[tuple[Problem, ...]]]:
        return ConfigError, (self.problems,)


class DataError(LumosError):
    """The data does not fit: mend the data, or say what to do with bad rows by `on_error`. Not retried."""


class UnbalancedError(DataError):
    """Rows were lost or doubled on their way: what was counted does not add up."""


class TransientError(LumosError):
    """A passing trouble (connection lost, deadlock, server shutting down): the same attempt may work later."""


class TimeoutExceeded(TransientError):
    """The op ran longer than its `timeout` allows."""


class Interrupted(LumosError):
    """The run was told to end (Ctrl-C, termination in the UI)."""


class TerminalError(LumosError):
    """The outside world refuses for good (wrong password, missing table): mend it there. Not retried."""


class FunctionError(LumosError):
    """A function of the user's own failed: mend it. Nobody knows whether it would pass later, so it is retried."""


class PluginError(LumosError):
    """A plugin broke its contract or its limits. Not retried."""
