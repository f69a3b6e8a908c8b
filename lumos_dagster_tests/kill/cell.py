"""One cell of the matrix: a load of a line in an execution mode, harmed at a step, looked at, resumed, compared."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lumos_dagster_tests.kill.matrix import BATCH, Execution, Line
from lumos_dagster_tests.kill.rows import new_rows, write_csv
from lumos_dagster_tests.kill.steps import DEED, POINT, TRACE
from lumos_dagster_tests.kill.targets import SOURCE, Target, fill_source
from lumos_dagster_tests.kill.warm import Order, Warm

KILLED = -9
_JOB = "job.yaml"


@dataclass
class Bench:
    """A project folder, a target, and a warm process: what one worker needs for cell after cell."""

    folder: Path
    warm: Warm
    home: Path
    """A Dagster home with its tables made, to be copied."""
    source: str = ""
    """URL of the PostgreSQL database that holds the rows of the lines which read from there."""

    def prepare(self, line: Line, execution: Execution, target: Target, **more: Any) -> None:
        """The job file and its input; the target with the old rows; a Dagster home without runs."""
        options = {**target.options(line), **line.options}
        job = {
            "version": 1,
            "name": "Killed",
            "execution": execution,
            "executor": "in_process",
            "jobs": {
                "read": self._source(line),
                "load": {"type": "loader", "loader_type": target.loader, "options": options},
            },
            "dag": {"dependencies": {"load": ["read"]}},
            **more,
        }
        (self.folder / _JOB).write_text(json.dumps(job))
        target.fill(line)
        shutil.rmtree(self.folder / "home", ignore_errors=True)
        shutil.copytree(self.home, self.folder / "home")
        for path in (self.trace, self.log):
            path.unlink(missing_ok=True)

    def _source(self, line: Line) -> Mapping[str, Any]:
        """The extractor, with what it is to read laid ready."""
        if line.source == "csv":
            write_csv(self.folder / "rows.csv", new_rows(line), "_id" if line.own_ids else "id")
            extractor, place = "csv", {"file_path": "rows.csv"}
        else:
            fill_source(self.source, new_rows(line))
            extractor, place = "jdbc", {"connection_string": self.source, "table_name": SOURCE}
        return {"type": "extractor", "extractor_type": extractor, "options": {**place, "batch_size": BATCH}}

    def order(self, *arguments: str, point: str = "", deed: str = "kill", largest_file: int | None = None) -> Order:
        """A run of the job; armed where a point is given, or where its steps are to be written down."""
        environment = {"DAGSTER_HOME": str(self.folder / "home"), TRACE: str(self.trace), POINT: point, DEED: deed}
        return Order(str(self.folder), ["run", _JOB, *arguments], str(self.log), environment, largest_file=largest_file)

    def resume(self) -> int:
        """Go on, as a person does; the steps are wrapped still, but none is fatal."""
        self.trace.unlink(missing_ok=True)
        return self.warm.run(self.order("--resume"))

    @property
    def trace(self) -> Path:
        """The steps of the latest run."""
        return self.folder / "steps"

    @property
    def log(self) -> Path:
        """What the runs said."""
        return self.folder / "log"

    def steps(self) -> list[str]:
        """The steps that the latest run took."""
        return self.trace.read_text().splitlines() if self.trace.exists() else ["before its first step"]

    def told(self) -> str:
        """The end of what the runs said."""
        return self.log.read_text()[-2000:] if self.log.exists() else ""


@dataclass(frozen=True)
class Outcome:
    """What came of one harm: how the target was found after it, and what was wrong, "" for nothing."""

    line: Line
    execution: Execution
    harm: str
    between: str
    problem: str
    kind: str = "killed at a step"


def clean_steps(bench: Bench, line: Line, execution: Execution, target: Target) -> list[str]:
    """The steps of a run that nobody harms, whose result must be what the oracle says."""
    bench.prepare(line, execution, target)
    code = bench.warm.run(bench.order())
    assert code == 0, f"{line.name}, {execution}: a clean run fails:\n{bench.told()}"
    assert target.digest(line) == target.wanted(line), f"{line.name}, {execution}: a clean run loads something else"
    assert target.leftovers() == []
    steps = bench.steps()
    if target.needs_server and "before make ledger" in steps:  # which the runs to come will find there
        return clean_steps(bench, line, execution, target)
    return steps


def kill(bench: Bench, line: Line, execution: Execution, target: Target, point: str) -> Outcome:
    """Kill a load at a step, look at the target, resume, and compare."""
    bench.prepare(line, execution, target)
    code = bench.warm.run(bench.order(point=point))
    steps = bench.steps()
    harm = f"killed {steps[-1]} (step {len(steps)})"
    if code != KILLED:
        return Outcome(line, execution, harm, "?", f"it never came to {point}, but ended with {code}: {bench.told()}")
    return judged(bench, line, execution, target, harm)


def judged(bench: Bench, line: Line, execution: Execution, target: Target, harm: str, resumes: bool = True) -> Outcome:
    """Look at what the harm left, resume where the run has not come through, and compare."""
    between = found(line, target)
    problems: list[str] = []
    if line.promise == "transactional" and between == "part":
        problems.append("a part of the rows was there to be read")
    if resumes and (code := bench.resume()):
        problems.append(f"the resume ended with {code}: {bench.told()}")
    problems += wrong(line, target)
    return Outcome(line, execution, harm, between, "; ".join(problems))


def found(line: Line, target: Target) -> str:
    """Whether the target holds the old rows, the new state, or something in between."""
    states = {target.old(line): "old", target.wanted(line): "new"}
    return states.get(target.digest(line), "part")


def wrong(line: Line, target: Target) -> Sequence[str]:
    """What is not as it must be in the end."""
    problems: list[str] = []
    if (now := target.digest(line)) != (wanted := target.wanted(line)):
        problems.append(f"the target holds {now} instead of {wanted}")
    if left := target.leftovers():
        problems.append(f"left behind: {', '.join(left)}")
    return problems
