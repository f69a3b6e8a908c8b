"""JobFile -> Plan: which op runs after which, where rows flow and where they are kept. Pure; knows no Dagster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, product
from typing import Literal

from lumos_dagster.config.model import Entry, Execution, FailurePolicy, JobFile, Pipeline, Retry
from lumos_dagster.config.outputs import named_output, output_problems
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import Extractor, Increments, Loader
from lumos_dagster.values import has_placeholder

Path = tuple[str, ...]
"""Where an op stands in the graph: `(name,)`, or `(pipeline, stage)` inside a sub-graph."""


@dataclass(frozen=True)
class Take:
    """One mention of a parent: `name` as written, `parent` the op, and of its rows one `output`, or "" for all."""

    name: str
    parent: Path
    output: str = ""


@dataclass(frozen=True)
class Node:
    """One op. `parents` give it rows, in the order written; `after` only come before it; `children` take its rows.

    `takes` says what it takes of each parent, of one perhaps several outputs.
    `keeper` is the loader that keeps the watermark of an incremental extractor, and `keeps` are all those of a loader.
    `kept` says why its rows are kept in the spool, "" where the description of them is handed on.
    `retry` and `timeout` (seconds) hold for one attempt of all that runs in this op: where rows
    stream through several ops they are the strictest of the chain.
    """

    path: Path
    entry: Entry
    parents: tuple[Path, ...] = ()
    takes: tuple[Take, ...] = ()
    after: tuple[Path, ...] = ()
    children: tuple[Path, ...] = ()
    kept: str = ""
    keeper: Path | None = None
    keeps: tuple[Path, ...] = ()
    failure_policy: FailurePolicy = "fail"
    retry: Retry = field(default_factory=Retry)
    timeout: float | None = None

    @property
    def name(self) -> str:
        """The op's name as shown: `load`, or `orders.load` inside a pipeline."""
        return ".".join(self.path)

    @property
    def works(self) -> bool:
        """Whether rows are read in this op, rather than described for a later one."""
        return bool(self.kept) or self.entry.kind == "loader"


@dataclass(frozen=True)
class Plan:
    """The ops of a job in an order in which they can run."""

    job: JobFile
    mode: Execution
    nodes: Mapping[Path, Node]

    @property
    def executor(self) -> Literal["in_process", "multiprocess"]:
        """For `auto`: processes where two ops that work can overlap, or where a timeout can end nothing but one."""
        if self.job.executor != "auto":
            return self.job.executor
        timed = any(node.timeout is not None for node in self.nodes.values())
        if timed and not all(node.entry.component.stoppable for node in self.nodes.values()):
            return "multiprocess"
        ancestors = self.ancestors()
        working = [path for path, node in self.nodes.items() if node.works]
        overlap = any(a not in ancestors[b] and b not in ancestors[a] for a, b in combinations(working, 2))
        return "multiprocess" if overlap else "in_process"

    def ancestors(self) -> dict[Path, set[Path]]:
        """Every op that comes before each."""
        found: dict[Path, set[Path]] = {}
        for path, node in self.nodes.items():
            before = (*node.parents, *node.after)
            found[path] = set(before).union(*(found[parent] for parent in before))
        return found


def make_plan(job: JobFile, mode: Execution | None = None) -> Plan:
    """Lay out the job's enabled entries, in `mode` where given, else in the one the file names.

    Raises ConfigError for a cycle (named a -> b -> a), an unknown parent, rows with no way in.
    """
    nodes = _enabled(list(_nodes(job)))
    ordered = {path: nodes[path] for path in _order(nodes)}
    problems = [
        Problem(f"the {node.entry.kind} has no input", path=f"jobs.{node.name}", hint="Name its parents.")
        for node in ordered.values()
        if node.entry.kind != "extractor" and not node.parents
    ]
    if problems:
        raise ConfigError(job.placed(problem) for problem in problems)
    plan = Plan(job, mode or job.execution, ordered)
    if problems := [job.placed(problem) for problem in _unordered(plan)]:
        raise ConfigError(problems)
    mode = plan.mode
    with_children = {
        path: replace(node, children=tuple(other.path for other in ordered.values() if path in other.parents))
        for path, node in ordered.items()
    }
    kept = {path: replace(node, kept=_why_kept(node, mode)) for path, node in with_children.items()}
    kept = _with_watermarks(job, kept)
    return Plan(job, mode, {path: _strictest(node, kept) for path, node in kept.items()})


def _nodes(job: JobFile) -> Iterator[Node]:
    """Every op, with its edges as written: into an extractor an edge only orders, into others it carries rows."""
    ends = {entry.name: _last(entry) for entry in job.entries}
    takes = {entry.name: tuple(_takes(entry, ends)) for entry in job.entries}
    problems = [
        Problem(f"unknown parent {take.name!r}", path=f"jobs.{child}", allowed=tuple(ends))
        for child, found in takes.items()
        for take in found
        if not take.parent
    ]
    if problems:
        raise ConfigError(problems)
    if problems := list(output_problems(job)):
        raise ConfigError(job.placed(problem) for problem in problems)
    for entry in job.entries:
        found = takes[entry.name]
        if isinstance(entry, Pipeline):
            for stage in entry.stages:
                path = (entry.name, stage.name)
                stage = replace(stage, enabled=entry.enabled and stage.enabled)  # noqa: PLW2901
                yield _node(job, path, stage, found)
                found = (Take(stage.name, path),)
        else:
            yield _node(job, (entry.name,), entry, found)


def _takes(entry: Entry | Pipeline, ends: Mapping[str, Path]) -> Iterator[Take]:
    for written in entry.parents:
        name, output = named_output(written)
        yield Take(written, ends.get(name, ()), output)


def _node(job: JobFile, path: Path, entry: Entry, takes: tuple[Take, ...]) -> Node:
    orders = entry.kind == "extractor"
    parents = tuple(dict.fromkeys(take.parent for take in takes))
    return Node(
        path=path,
        entry=entry,
        parents=() if orders else parents,
        takes=() if orders else takes,
        after=parents if orders else (),
        failure_policy=entry.failure_policy or job.failure_policy,
        retry=entry.retry or job.retry,
        timeout=entry.timeout,
    )


def _unordered(plan: Plan) -> Iterator[Problem]:
    """Ops that read what another op of this run writes, with nothing that says which of them comes first."""
    ancestors = plan.ancestors()
    places = {path: place for path, node in plan.nodes.items() if (place := _run_scoped_place(node.entry))}
    for reader, writer in product(places, places):
        kinds = (plan.nodes[reader].entry.kind, plan.nodes[writer].entry.kind)
        ordered = writer in ancestors[reader] or reader in ancestors[writer]
        if kinds == ("extractor", "loader") and places[reader] == places[writer] and not ordered:
            name = ".".join(writer)
            yield Problem(
                f"reads {places[reader]}, which {name} writes in the same run, but does not wait for it",
                path=f"jobs.{'.'.join(reader)}",
                hint=f"Name {name} among its dependencies, or keep the rows for later runs with persist: true.",
            )


def _run_scoped_place(entry: Entry) -> str:
    """Where an entry meets others of its run; "" for none, or where only the launch knows."""
    component = entry.component
    if not (component.run_scoped and issubclass(component, Extractor | Loader)) or has_placeholder(entry.options):
        return ""
    built = component.model_validate(entry.options)
    return "" if getattr(built, "persist", False) else built.location()


def _last(entry: Entry | Pipeline) -> Path:
    return (entry.name, entry.stages[-1].name) if isinstance(entry, Pipeline) else (entry.name,)


def _enabled(nodes: list[Node]) -> dict[Path, Node]:
    """Leave out what is not enabled and all that lives on its rows; what waited for those waits on their parents."""
    by_path = {node.path: node for node in nodes}
    out = {node.path for node in nodes if not node.entry.enabled}
    while True:
        starved = {node.path for node in nodes if node.path not in out and out.intersection(node.parents)}
        if not starved:
            break
        out |= starved

    def bridge(path: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Path]:
        if path not in out:
            yield path
        elif path not in seen:
            for before in (*by_path[path].parents, *by_path[path].after):
                yield from bridge(before, seen | {path})

    return {
        node.path: replace(node, after=tuple(dict.fromkeys(end for path in node.after for end in bridge(path))))
        for node in nodes
        if node.path not in out
    }


def _order(nodes: Mapping[Path, Node]) -> list[Path]:
    sorter = TopologicalSorter({path: (*node.parents, *node.after) for path, node in nodes.items()})
    try:
        return list(sorter.static_order())
    except CycleError as error:
        way = " -> ".join(".".join(path) for path in reversed(error.args[1]))
        raise ConfigError(f"the jobs wait for each other in a circle: {way}") from None


def _why_kept(node: Node, mode: Execution) -> str:
    if not node.children:
        return ""
    if node.entry.kind == "loader":
        return "a loader hands on the rows that it loaded"
    if mode == "staged":
        return "execution is staged"
    if len(node.children) > 1:
        return "more than one op reads them"
    return ""


def _with_watermarks(job: JobFile, nodes: Mapping[Path, Node]) -> dict[Path, Node]:
    """Each incremental extractor with the loader that keeps its watermark. ConfigError where not one loader can."""
    found = dict(nodes)
    problems: list[Problem] = []
    for path, node in nodes.items():
        component = node.entry.component
        increments = component.increments(node.entry.options) if issubclass(component, Extractor) else ""
        if not increments or not node.children:
            continue
        loaders = [below for below in _below(node, nodes) if nodes[below].entry.kind == "loader"]
        if why := _why_no_keeper([nodes[loader] for loader in loaders], increments):
            problems.append(Problem(f"incremental: {why}", path=f"jobs.{node.name}.options.incremental"))
            continue
        found[path] = replace(node, keeper=loaders[0])
        found[loaders[0]] = replace(found[loaders[0]], keeps=(*found[loaders[0]].keeps, path))
    if problems:
        raise ConfigError(job.placed(problem) for problem in problems)
    return found


def _why_no_keeper(loaders: list[Node], increments: Increments) -> str:
    if len(loaders) != 1:
        names = ", ".join(loader.name for loader in loaders) or "none"
        return (
            "exactly one loader must take the rows, since it keeps how far they were read; there "
            f"{'are' if loaders else 'is'} {names}. Give each loader an extractor of its own"
        )
    (loader,) = loaders
    component = loader.entry.component
    why = component.why_no_watermark(loader.entry.options, increments) if issubclass(component, Loader) else ""
    return why and f"the loader {loader.name} cannot take these rows: {why}"


def _below(node: Node, nodes: Mapping[Path, Node]) -> dict[Path, None]:
    """Every op that lives on the rows of this one, each once."""
    found: dict[Path, None] = {}
    for child in node.children:
        found |= {child: None} | _below(nodes[child], nodes)
    return found


def _strictest(node: Node, nodes: Mapping[Path, Node]) -> Node:
    """One attempt of a working op runs every op whose rows stream into it, so the least patient of them decides."""
    if not node.works:
        return node
    chain = list(_streaming_into(node, nodes))
    timeouts = [other.timeout for other in chain if other.timeout is not None]
    return replace(
        node,
        timeout=min(timeouts, default=None),
        retry=min((other.retry for other in chain), key=lambda retry: retry.count),
    )


def _streaming_into(node: Node, nodes: Mapping[Path, Node]) -> Iterator[Node]:
    yield node
    for parent in node.parents:
        if not nodes[parent].kept:
            yield from _streaming_into(nodes[parent], nodes)
