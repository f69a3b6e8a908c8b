"""The whole matrix: which kills, by how many workers, and what is told of them."""

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from lumos_dagster_tests.kill.benches import Targets, bench, in_files
from lumos_dagster_tests.kill.cell import Bench, Outcome, clean_steps, kill
from lumos_dagster_tests.kill.harms import (
    COMMIT,
    bytes_of_a_clean_run,
    crash_server,
    cut_line,
    fill_disk,
    kill_at_a_moment,
)
from lumos_dagster_tests.kill.matrix import EXECUTIONS, LINES, Execution, Line
from lumos_dagster_tests.kill.servers import Servers
from lumos_dagster_tests.kill.steps import DECISIVE
from lumos_dagster_tests.kill.targets import MariaDB, MongoDB, PostgreSQL, Target
from lumos_dagster_tests.servers.mariadb import MariadbDatabase

Tell = Callable[[str], None]
Cell = tuple[Line, Execution]


@dataclass(frozen=True)
class Choice:
    """Which kills: so many at random in each cell, chosen by the seed, besides the last decisive step; or at all of
    the decisive ones; in the lines whose name holds `only`.
    """

    seed: int
    random: int = 3
    thorough: bool = False
    only: str = ""

    def points(self, steps: Sequence[str], cell: str) -> Iterator[int]:
        """The numbers of the steps to die at."""
        decisive = [number for number, step in enumerate(steps, 1) if step.split(" ", 1)[1] in DECISIVE]
        chosen = decisive if self.thorough else decisive[-2:]
        others = [number for number in range(1, len(steps) + 1) if number not in chosen]
        yield from chosen
        yield from random.Random(f"{self.seed} {cell}").sample(others, self.random)


def run_matrix(choice: Choice, servers: Servers, tell: Tell, workers: int = 2) -> list[Outcome]:
    """Kill loads all over the matrix."""
    cells = [
        (line, execution) for line in LINES for execution in EXECUTIONS if choice.only in f"{line.name}, {execution}"
    ]
    with tempfile.TemporaryDirectory(prefix="lumos-kill-") as folder, ExitStack() as stack:
        free: Queue[tuple[Bench, Targets]] = Queue()
        for number in range(workers):
            place = stack.enter_context(bench(Path(folder, str(number))))
            database = f"kill_{number}"
            with servers.mariadb.connect() as connection:
                connection.query(f"create database {database}")
            on_servers = {
                "postgresql": PostgreSQL(servers.postgres.make(database)),
                "mariadb": MariaDB(MariadbDatabase(servers.mariadb, database)),
                "mongodb": MongoDB(servers.mongodb.url, database),
            }
            free.put((place, {**in_files(place), **on_servers}))

        def work(cell: tuple[Line, Execution]) -> list[Outcome]:
            place, targets = free.get()
            try:
                return _cell(place, targets, *cell, choice, tell)
            finally:
                free.put((place, targets))

        def harms(cell: tuple[Line, Execution]) -> list[Outcome]:
            place, targets = free.get()
            try:
                return _harm(place, targets[cell[0].target], cell, choice, servers, tell)
            finally:
                free.put((place, targets))

        with ThreadPoolExecutor(workers) as pool:
            killed = [outcome for outcomes in pool.map(work, cells) for outcome in outcomes]
            harmed = [outcome for outcomes in pool.map(harms, cells) for outcome in outcomes]
        place, targets = free.get()
        crashed = [
            outcome for number, line in enumerate(LINES) if choice.only in line.name and targets[line.target].needs_server
            for outcome in _crash(place, targets[line.target], (line, EXECUTIONS[number % 2]), choice, servers, tell)
        ]  # fmt: skip
        return [*killed, *harmed, *crashed]


def _cell(
    place: Bench, targets: Targets, line: Line, execution: Execution, choice: Choice, tell: Tell
) -> list[Outcome]:
    target, name = targets[line.target], f"{line.name}, {execution}"
    try:
        steps = clean_steps(place, line, execution, target)
    except AssertionError as error:
        return [Outcome(line, execution, "nothing", "?", str(error))]
    outcomes: list[Outcome] = []
    for point in choice.points(steps, name):
        outcome = kill(place, line, execution, target, str(point))
        outcomes.append(outcome)
        if outcome.problem:
            tell(f"FAILED {name}, {outcome.harm}: {outcome.problem}")
    states = Counter(outcome.between for outcome in outcomes)
    tell(f"{name}: {len(outcomes)} kills, found " + ", ".join(f"{state} {n}" for state, n in sorted(states.items())))
    return outcomes


def _harm(place: Bench, target: Target, cell: Cell, choice: Choice, servers: Servers, tell: Tell) -> list[Outcome]:
    """A kill at any moment; a full disk for what lies in files; a cut line for what lies behind one."""
    line, execution = cell
    chance = random.Random(f"{choice.seed} harms {line.name} {execution}")
    outcomes = [kill_at_a_moment(place, line, execution, target, chance, seconds=1.5)]
    if not target.needs_server:
        outcomes.append(fill_disk(place, line, execution, target))
    else:
        port = servers.port(line.target)
        sent = bytes_of_a_clean_run(place, line, execution, target, port)
        outcomes.append(cut_line(place, line, execution, target, port, chance.randrange(1, sent)))
        if line.target in COMMIT:
            outcomes.append(cut_line(place, line, execution, target, port, COMMIT[line.target]))
    return _tell_harms(outcomes, f"{line.name}, {execution}", tell)


def _crash(place: Bench, target: Target, cell: Cell, choice: Choice, servers: Servers, tell: Tell) -> list[Outcome]:
    """The server crashes at a decisive step of the load, alone, as all targets on it would be harmed."""
    line, execution = cell
    steps = clean_steps(place, line, execution, target)
    decisive = [number for number, step in enumerate(steps, 1) if step.split(" ", 1)[1] in DECISIVE]
    point = random.Random(f"{choice.seed} crash {line.name}").choice(decisive)
    outcome = crash_server(place, line, execution, target, servers, point)
    return _tell_harms([outcome], f"{line.name}, {execution}", tell)


def _tell_harms(outcomes: list[Outcome], name: str, tell: Tell) -> list[Outcome]:
    for outcome in outcomes:
        tell(f"{'FAILED ' if outcome.problem else ''}{name}: {outcome.harm}, found {outcome.between} {outcome.problem}")
    return outcomes


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The table: for each line how many kills, and how the target was found after them."""
    yield f"{'target and mode':38} {'promise':14} {'harms':>5} {'old':>4} {'new':>4} {'part':>5} {'failed':>7}"
    for line in LINES:
        mine = [outcome for outcome in outcomes if outcome.line == line]
        if not mine:
            continue
        states = Counter(outcome.between for outcome in mine)
        failed = sum(bool(outcome.problem) for outcome in mine)
        numbers = f"{len(mine):5} {states['old']:4} {states['new']:4} {states['part']:5} {failed:7}"
        yield f"{line.name:38} {line.promise:14} {numbers}"
    failed = sum(bool(outcome.problem) for outcome in outcomes)
    yield f"{len(outcomes)} harms, {sum('killed' in outcome.harm for outcome in outcomes)} of them kills; {failed} failed"
