"""A Plan becomes a Dagster graph job: one op per entry, the same names, the same edges."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from lumos_dagster.config.model import JobFile, Pipeline
from lumos_dagster.orchestration.assets.keys import offered, waits
from lumos_dagster.orchestration.automation.partitions import partitions_definition
from lumos_dagster.orchestration.launch import DIGEST, OP_DIGESTS, op_digests
from lumos_dagster.orchestration.names import (
    DONE,
    LOADED,
    ROWS,
    definition_name,
    done_output,
    order_input,
    rows_input,
    waiting_input,
)
from lumos_dagster.orchestration.ops import make_op
from lumos_dagster.orchestration.redaction import shown_text
from lumos_dagster.orchestration.relation_io import RELATION_IO, relation_io_manager
from lumos_dagster.orchestration.resources import LUMOS, lumos_resource
from lumos_dagster.plan import Node, Path, Plan, make_plan

Dependency = dg.DependencyDefinition | dg.MultiDependencyDefinition
Dependencies = dict[dg.NodeInvocation, Mapping[str, Dependency]]
PRELOAD = "lumos_dagster.orchestration.preload"


def build_job(job: JobFile) -> dg.JobDefinition:
    """The Dagster job of a file. Raises ConfigError where its plan does not hold."""
    return job_of(make_plan(job))


def job_of(plan: Plan) -> dg.JobDefinition:
    """The Dagster job of a plan."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # owners: the user can do nothing about it
        return _to_job(plan.job, plan)


def _to_job(job: JobFile, plan: Plan) -> dg.JobDefinition:
    return _graph(plan).to_job(
        name=job.name,
        description=" - ".join(text for text in (job.title, " ".join(job.description.split())) if text),
        resource_defs={LUMOS: lumos_resource(job), RELATION_IO: relation_io_manager},
        executor_def=dg.multi_or_in_process_executor,
        config={"execution": {"config": execution_config(plan.executor, job)}},
        tags={
            **job.tags,
            DIGEST: job.digest,
            OP_DIGESTS: " ".join(f"{name}={digest}" for name, digest in op_digests(plan).items()),
        },
        metadata={
            "file": dg.MetadataValue.path(job.path),
            "yaml": dg.MetadataValue.md(f"```yaml\n{shown_text(job)}\n```"),
        },
        owners=list(job.owners) or None,
        partitions_def=partitions_definition(job.partitions),
    )


def execution_config(executor: str, job: JobFile) -> dict[str, Any]:
    """The executor's config; processes start from a server that has loaded what they need."""
    if executor == "in_process":
        return {"in_process": {}}
    return {"multiprocess": {"start_method": {"forkserver": {"preload_modules": preloaded(job)}}}}


def preloaded(job: JobFile) -> list[str]:
    """The modules that a job's step processes find loaded: ours, its components and their drivers."""
    return [PRELOAD, *sorted({module for _, entry in job.ops() for module in entry.component.modules(entry.options)})]


def _graph(plan: Plan) -> dg.GraphDefinition:
    ops = {path: make_op(plan, node) for path, node in plan.nodes.items()}
    definitions: list[Any] = []
    dependencies: Dependencies = {}
    for entry in plan.job.entries:
        if isinstance(entry, Pipeline):
            nodes = [plan.nodes[path] for path in plan.nodes if path[0] == entry.name]
            if nodes:
                definition: Any = _sub_graph(plan, entry, nodes, ops)
                definitions.append(definition)
                edges = {order_input(parent): _order(parent, plan) for parent in nodes[0].after}
                dependencies[dg.NodeInvocation(definition.name, alias=entry.name)] = edges
        elif (entry.name,) in plan.nodes:
            node = plan.nodes[entry.name,]
            definitions.append(ops[node.path])
            dependencies[dg.NodeInvocation(ops[node.path].name, alias=entry.name)] = _edges(node, plan)
    return dg.GraphDefinition(name=plan.job.name, node_defs=definitions, dependencies=dependencies)


def _edges(node: Node, plan: Plan) -> dict[str, Dependency]:
    rows: dict[str, Dependency] = {
        rows_input(parent): dg.DependencyDefinition(parent[0], ROWS) for parent in node.parents
    }
    return rows | {order_input(parent): _order(parent, plan) for parent in node.after}


def _order(parent: Path, plan: Plan) -> Dependency:
    """Wait until `parent` has ended, or was skipped because an op before it failed under `continue`.

    A skipped op says nothing, but the one that failed does, and one answer of several is enough for Dagster.
    """
    ends = [_end(parent, plan), *(_end(path, plan) for path in _forgiven(parent, plan))]
    return ends[0] if len(ends) == 1 else dg.MultiDependencyDefinition(list(dict.fromkeys(ends)))


def _forgiven(path: Path, plan: Plan) -> Iterator[Path]:
    """The ops that give rows to this one, near or far, and may fail without failing the run."""
    for parent in plan.nodes[path].parents:
        if plan.nodes[parent].failure_policy == "continue":
            yield parent
        yield from _forgiven(parent, plan)


def _end(path: Path, plan: Plan) -> dg.DependencyDefinition:
    return dg.DependencyDefinition(path[0], DONE if len(path) == 1 else done_output(path))


def _sub_graph(
    plan: Plan, pipeline: Pipeline, nodes: list[Node], ops: Mapping[tuple[str, ...], dg.OpDefinition]
) -> dg.GraphDefinition:
    """A pipeline as a graph of its own: its first op waits for other pipelines, each says when it has ended."""
    first = nodes[0]
    dependencies: Dependencies = {
        dg.NodeInvocation(ops[node.path].name, alias=node.path[1]): {
            rows_input(parent): dg.DependencyDefinition(parent[1], ROWS) for parent in node.parents
        }
        for node in nodes
    }
    return dg.GraphDefinition(
        name=definition_name(plan.job.name, (pipeline.name,)),
        description=" ".join(pipeline.description.split()) or None,
        node_defs=[ops[node.path] for node in nodes],
        dependencies=dependencies,
        input_mappings=[
            dg.InputMapping(
                graph_input_name=order_input(parent),
                mapped_node_name=first.path[1],
                mapped_node_input_name=order_input(parent),
            )
            for parent in first.after
        ]
        + [
            dg.InputMapping(
                graph_input_name=waiting_input(key.path),
                mapped_node_name=path[1],
                mapped_node_input_name=waiting_input(key.path),
            )
            for path, keys in waits(plan).items()
            if path[0] == pipeline.name
            for key in keys
        ],
        output_mappings=[
            dg.OutputMapping(
                graph_output_name=done_output(node.path), mapped_node_name=node.path[1], mapped_node_output_name=DONE
            )
            for node in nodes
        ]
        + [
            dg.OutputMapping(graph_output_name=LOADED, mapped_node_name=node.path[1], mapped_node_output_name=LOADED)
            for node in nodes
            if node.path in offered(plan)
        ],
    )
