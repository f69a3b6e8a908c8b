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
from lumos_dagster_tests.kill.harmed import run_harms
from lumos_dagster_tests.kill.matrix import EXECUTIONS, LINES, Execution, Line
from lumos_dagster_tests.kill.servers import Servers
from lumos_dagster_tests.kill.steps import DECISIVE
from lumos_dagster_tests.kill.targets import MariaDB, MongoDB, PostgreSQL
from lumos_dagster_tests.servers.mariadb import MariadbDatabase

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """Which kills: so many at random in each cell, chosen by the seed, besides the last decisive step; or at all of
    the decisive ones; in the lines whose name holds `only`.
    """

    seed: int
    random: int = 3
    thorough: bool = False
    only: str = ""
    kills: bool = True
    """Whether loads are killed at steps too, before the other harms."""

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
            place.source = servers.postgres.make(database)
            on_servers = {
                "postgresql": PostgreSQL(place.source),
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

        with ThreadPoolExecutor(workers) as pool:
            killed = [outcome for outcomes in pool.map(work, cells) for outcome in outcomes] if choice.kills else []
        place, targets = free.get()
        return [*killed, *run_harms(place, servers, targets, (choice.seed, choice.only), tell)]


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
    for kind, number in Counter(outcome.kind for outcome in outcomes).items():
        yield f"{kind:38} {number:20}"
    yield f"{len(outcomes)} harms, {failed} failed"
