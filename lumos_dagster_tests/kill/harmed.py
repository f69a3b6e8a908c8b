"""Which harms each line of the matrix gets, and the run of them all by one worker: a server that crashes is shared."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from lumos_dagster_tests.kill.benches import Targets
from lumos_dagster_tests.kill.cell import Bench, Outcome, clean_steps
from lumos_dagster_tests.kill.disks import on_small_disks
from lumos_dagster_tests.kill.harms import (
    Cut,
    Load,
    cut,
    deciding,
    fence,
    full_disk,
    full_file,
    kill_by_clock,
    kill_one_of_two,
    restart,
    through_proxy,
)
from lumos_dagster_tests.kill.matrix import EXECUTIONS, LINES, NO_DISK
from lumos_dagster_tests.kill.servers import Servers
from lumos_dagster_tests.kill.targets import Target

Harm = tuple[str, Callable[[], Outcome]]

_TWO_PROCESSES = (
    "sqlite: upsert",
    "postgresql: insert, commit: batch",
    "mariadb: insert",
    "csv: append",
    "mongodb: insert",
)
_FILLS_A_DISK = ("insert", "upsert", "replace", "truncate")
"""The modes that bring more rows than there is room for."""


@dataclass(frozen=True)
class Ward:
    """Where the harms are done: a bench, the servers, the targets, and those on a small disk with its folder."""

    bench: Bench
    servers: Servers
    targets: Targets
    disks: Mapping[str, tuple[Target, Path]]


def run_harms(
    bench: Bench, servers: Servers, targets: Targets, chosen: tuple[int, str], tell: Callable[[str], None]
) -> list[Outcome]:
    """Harm each line whose name holds the text; `chosen` is the seed and that text."""
    seed, only = chosen
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        disks = stack.enter_context(on_small_disks(servers))
        if not disks:
            tell(NO_DISK)
        ward = Ward(bench, servers, targets, disks)
        for number, line in enumerate(LINES):
            if only not in line.name:
                continue
            load = Load(bench, line, EXECUTIONS[number % 2], targets[line.target])
            for kind, harm in _harms(ward, load, random.Random(f"{seed} {line.name}")):
                outcome = _done(load, kind, harm)
                outcomes.append(outcome)
                told = f"FAILED {outcome.problem}" if outcome.problem else f"found {outcome.between}"
                tell(f"{line.name}, {outcome.execution}, {kind}: {outcome.harm}: {told}")
    return outcomes


def _done(load: Load, kind: str, harm: Callable[[], Outcome]) -> Outcome:
    try:
        return replace(harm(), kind=kind)
    except AssertionError as error:
        return Outcome(load.line, load.execution, "not done", "?", str(error), kind)


def _harms(ward: Ward, load: Load, chance: random.Random) -> Iterator[Harm]:
    line = load.line
    steps = clean_steps(load.bench, line, load.execution, load.target)
    middle = _middle(steps)
    if load.target.needs_server:
        yield from _cuts(load, ward.servers.port(line.target), chance)
        yield (
            "server restarted",
            lambda: restart(load, lambda: ward.servers.restart(line.target), chance.choice(middle)),
        )
    else:
        yield "no room", lambda: full_file(replace(load, execution="staged"))
        if line.merge != "update":  # which writes little
            yield "no room", lambda: full_file(replace(load, execution="streaming"))
    if line.target in ("postgresql", "mariadb"):
        yield "overtaken", lambda: fence(load, chance.choice(middle), drop=True)
        if line.options.get("commit") == "batch" and line.merge != "replace":  # which locks all others out to its end
            yield "overtaken", lambda: fence(load, "after commit#3", drop=False)
    if line.target in ward.disks and line.merge in _FILLS_A_DISK:
        target, folder = ward.disks[line.target]
        yield (
            "no room",
            lambda: full_disk(replace(load, target=target), folder, lambda: ward.servers.revive(line.target)),
        )
    yield "killed by the clock", lambda: kill_by_clock(load, chance.uniform(0, 1))
    if line.name in _TWO_PROCESSES:
        for deed in ("kill", "kill the run"):
            yield "one of two killed", lambda deed=deed: kill_one_of_two(load, "before batch#3", deed)


def _middle(steps: Sequence[str]) -> list[str]:
    """The numbers of the steps in which rows are under way."""
    words = ("before batch", "before piece", "before commit", "after commit", "before send", "after send")
    return [str(number) for number, step in enumerate(steps, 1) if step in words]


def _cuts(load: Load, port: int, chance: random.Random) -> Iterator[Harm]:
    sent, seen = through_proxy(load, port)
    word = deciding(load.line)
    cuts = (Cut(chance.randrange(1, sent), False), Cut(word, False, seen, retried=True), Cut(word, True, seen))
    for where in cuts:
        yield "line cut", lambda where=where: cut(load, port, where)
