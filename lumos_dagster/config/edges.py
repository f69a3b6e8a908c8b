"""The edges between entries, from wherever they are written, and whether rows find their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from lumos_dagster.config.entries import Draft
from lumos_dagster.config.findings import Findings
from lumos_dagster.config.outputs import named_output
from lumos_dagster.errors import Problem
from lumos_dagster.problems import near


@dataclass(frozen=True)
class Edge:
    """One mention of an edge, and where it is written."""

    parent: str
    child: str
    path: str


def read_parents(
    drafts: Sequence[Draft], dependencies: Mapping[str, tuple[str, ...] | None], findings: Findings
) -> dict[str, tuple[str, ...]]:
    """Each entry's parents in the order in which they are written; every mistake goes to `findings`."""
    in_doubt = _edges_in_doubt(findings)
    names = {draft.name for draft in drafts}
    edges = _edges(drafts, dependencies, findings)
    known = [edge for edge in edges if _check_names(edge, names, findings)]
    for child in dependencies:
        if child not in names:
            findings.add(_unknown(child, f"dag.dependencies.{child}", names))
    _check_cycles(known, findings)
    if not in_doubt:
        _check_inputs(drafts, {edge.child for edge in edges}, findings)
    parents: dict[str, dict[str, None]] = {name: {} for name in names}
    for edge in known:
        parents[edge.child][edge.parent] = None
    return {child: tuple(found) for child, found in parents.items()}


def _edges(
    drafts: Sequence[Draft], dependencies: Mapping[str, tuple[str, ...] | None], findings: Findings
) -> list[Edge]:
    edges = [
        Edge(parent, child, findings.item(f"dag.dependencies.{child}", index))
        for child, found in dependencies.items()
        for index, parent in enumerate(found or ())
    ]
    for draft in drafts:
        for index, parent in enumerate(draft.text.depends_on):
            edges.append(Edge(parent, draft.name, findings.item(f"{draft.path}.depends_on", index)))
        for index, child in enumerate(draft.text.next):
            edges.append(Edge(draft.name, child, findings.item(f"{draft.path}.next", index)))
    return sorted(edges, key=lambda edge: findings.place(edge.path))


def _check_names(edge: Edge, names: set[str], findings: Findings) -> bool:
    parent = named_output(edge.parent)[0]
    wrong = [name for name in (parent, edge.child) if name not in names]
    if edge.path.startswith("dag.dependencies."):
        wrong = [name for name in wrong if name != edge.child]  # told once for all its parents
    findings.add(*(_unknown(name, edge.path, names) for name in wrong))
    if parent == edge.child:
        findings.add(Problem(f"{edge.child!r} waits for itself", path=edge.path, hint="Leave it out."))
    return parent in names and edge.child in names and parent != edge.child


def _unknown(name: str, path: str, names: set[str]) -> Problem:
    return Problem(f"unknown job {name!r}", path=path, allowed=tuple(sorted(names)), hint=near(name, names))


def _check_cycles(edges: Sequence[Edge], findings: Findings) -> None:
    """Name every circle once: each is opened where it is found, until none is left."""
    left = {(named_output(edge.parent)[0], edge.child): edge for edge in edges}
    while True:
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for parent, child in left:
            sorter.add(child, parent)
        try:
            sorter.prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            closing = left.pop((circle[-2], circle[-1]))
            way = " -> ".join(circle)
            message = f"the jobs wait for each other in a circle: {way}"
            findings.add(Problem(message, path=closing.path, hint="Leave one of these edges out."))
        else:
            return


def _edges_in_doubt(findings: Findings) -> bool:
    """Whether some edges could not be read, so that a missing input may only seem to be missing."""
    roots = ("dag", "dag.dependencies")
    return any(
        problem.path in roots
        or problem.path.startswith("dag.dependencies.")
        or problem.path.endswith((".depends_on", ".next"))
        for problem in findings.problems
    )


def _check_inputs(drafts: Sequence[Draft], fed: set[str], findings: Findings) -> None:
    hint = "Name its parents under dag.dependencies or depends_on, or name it as another job's next."
    findings.add(
        *(
            Problem(f"the {draft.kind} has no input", path=draft.path, hint=hint)
            for draft in drafts
            if draft.kind in ("transformer", "loader") and draft.name not in fed
        )
    )
