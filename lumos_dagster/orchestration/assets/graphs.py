"""Jobs offered as assets (`as_assets`): a graph around the same ops, whose outputs are what the loaders wrote."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import dagster as dg

from lumos_dagster.orchestration.assets.keys import offered, sources_of, waits
from lumos_dagster.orchestration.automation.partitions import partitions_definition
from lumos_dagster.orchestration.names import LOADED, asset_graph_name, loaded_output, waiting_input
from lumos_dagster.orchestration.relation_io import RELATION_IO, relation_io_manager
from lumos_dagster.orchestration.resources import LUMOS, lumos_resource
from lumos_dagster.plan import Plan

Specs = Mapping[dg.AssetKey, dg.AssetSpec]
_RESOURCES = {LUMOS: lumos_resource(None), RELATION_IO: relation_io_manager}
"""One for all, since a run may make the assets of several jobs."""


def graph_assets(jobs: Iterable[tuple[Plan, dg.JobDefinition]], specs: Specs) -> list[dg.AssetsDefinition]:
    """The assets of each job that is offered so, made together, by its own ops: with retries, policies, overrides."""
    offers = [(plan, job) for plan, job in jobs if plan.job.as_assets]
    awaited = _awaited([plan for plan, _ in offers])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # resource_defs: the user can do nothing about it
        return [_of_job(plan, job, specs, awaited[plan.job.name]) for plan, job in offers]


def _of_job(plan: Plan, job: dg.JobDefinition, specs: Specs, awaited: set[dg.AssetKey]) -> dg.AssetsDefinition:
    made = offered(plan)
    inputs = {waiting_input(key.path): key for key in sorted(awaited)}
    assets = dg.AssetsDefinition.from_graph(
        dg.GraphDefinition(
            name=asset_graph_name(plan.job.name),
            node_defs=job.graph.node_defs,
            dependencies=job.graph.dependencies,
            input_mappings=list(_inputs(plan, awaited)),
            output_mappings=[
                dg.OutputMapping(
                    graph_output_name=loaded_output(path), mapped_node_name=path[0], mapped_node_output_name=LOADED
                )
                for path in made
            ],
        ),
        keys_by_input_name=inputs,
        keys_by_output_name={loaded_output(path): key for path, key in made.items()},
        internal_asset_deps={
            loaded_output(path): {
                source
                for source in sources_of(plan, path)
                if source in (awaited | set(made.values())) and any(dep.asset_key == source for dep in specs[key].deps)
            }
            for path, key in made.items()
        },
        partitions_def=partitions_definition(plan.job.partitions),
        resource_defs=_RESOURCES,
    )
    return assets.map_asset_specs(lambda spec: specs[spec.key].replace_attributes(deps=spec.deps))


def _inputs(plan: Plan, awaited: set[dg.AssetKey]) -> Iterator[dg.InputMapping]:
    """The ops that read an asset wait for it."""
    for path, keys in waits(plan).items():
        for key in awaited.intersection(keys):
            name = waiting_input(key.path)
            yield dg.InputMapping(graph_input_name=name, mapped_node_name=path[0], mapped_node_input_name=name)


def _awaited(plans: list[Plan]) -> dict[str, set[dg.AssetKey]]:
    """What each job reads and does not make, by the job's name. Of jobs that wait for each other, one does not."""
    makers = {key: plan.job.name for plan in plans for key in offered(plan).values()}
    found = {
        plan.job.name: {key for keys in waits(plan).values() for key in keys if makers.get(key) != plan.job.name}
        for plan in plans
    }
    while True:
        graph = {job: {makers[key] for key in keys if key in makers} for job, keys in found.items()}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            before, after = error.args[1][:2]
            found[after] = {key for key in found[after] if makers.get(key) != before}
        else:
            return found
