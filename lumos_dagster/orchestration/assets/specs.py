"""The assets of a location: what its jobs load and read, once each, however many jobs meet there."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

import dagster as dg

from lumos_dagster.config.model import Schedule
from lumos_dagster.orchestration.assets.checks import check_specs
from lumos_dagster.orchestration.assets.graphs import graph_assets
from lumos_dagster.orchestration.assets.keys import asset_keys, sources_of
from lumos_dagster.orchestration.automation.partitions import partitions_definition
from lumos_dagster.orchestration.failures import told
from lumos_dagster.orchestration.names import safe
from lumos_dagster.plan import Node, Plan

Declared = dg.AssetsDefinition | dg.AssetSpec | dg.AssetChecksDefinition
SOURCES = "sources"
"""The group of the assets that jobs read and none of this location loads."""
_TICKS = 400
_FAR = timedelta(days=366 * 10)


@dataclass
class _Asset:
    key: dg.AssetKey
    kinds: dict[str, None] = field(default_factory=dict)
    deps: dict[dg.AssetKey, None] = field(default_factory=dict)
    owners: dict[str, None] = field(default_factory=dict)
    loaded_by: dict[str, None] = field(default_factory=dict)
    read_by: dict[str, None] = field(default_factory=dict)
    jobs: dict[str, Plan] = field(default_factory=dict)


def asset_definitions(
    jobs: Iterable[tuple[Plan, dg.JobDefinition]], name: str, defined_elsewhere: frozenset[dg.AssetKey] = frozenset()
) -> list[Declared]:
    """The assets and checks of these jobs; `name` tells them from those of other folders merged with them."""
    jobs = list(jobs)
    specs = _specs([plan for plan, _ in jobs])
    made = graph_assets(jobs, specs)
    defined = defined_elsewhere.union(*(definition.keys for definition in made))
    found: list[Declared] = [*made, *(spec for key, spec in specs.items() if key not in defined)]
    checks = {(spec.asset_key, spec.name): spec for plan, _ in jobs for spec in check_specs(plan)}
    return [*found, _checks(list(checks.values()), name)] if checks else found


def offered_assets(plan: Plan, job: dg.JobDefinition) -> list[dg.AssetsDefinition]:
    """Only what one job makes as assets."""
    return graph_assets([(plan, job)], _specs([plan]))


def _specs(plans: Iterable[Plan]) -> dict[dg.AssetKey, dg.AssetSpec]:
    assets: dict[dg.AssetKey, _Asset] = {}
    for plan in plans:
        for node in plan.nodes.values():
            if node.entry.kind != "transformer":
                _collect(assets, plan, node)
    _without_circles(assets)
    return {key: _spec(asset) for key, asset in assets.items()}


def _collect(assets: dict[dg.AssetKey, _Asset], plan: Plan, node: Node) -> None:
    op = f"{plan.job.name}.{node.name}"
    for key in asset_keys(plan.job, node.name, node.entry):
        asset = assets.setdefault(key, _Asset(key))
        kind = node.entry.component.technology(node.entry.options) or node.entry.type.removeprefix("plugin:")
        asset.kinds[safe(kind).lower()] = None
        if node.entry.kind == "loader":
            asset.deps |= {source: None for source in sources_of(plan, node.path) if source != key}
            asset.owners |= dict.fromkeys(plan.job.owners)
            asset.loaded_by[op] = None
            asset.jobs[plan.job.name] = plan
        else:
            asset.read_by[op] = None


def _without_circles(assets: dict[dg.AssetKey, _Asset]) -> None:
    """Jobs may read what each other write, but Dagster draws no circles: the edge that closes one is left out."""
    while True:
        try:
            TopologicalSorter({key: list(asset.deps) for key, asset in assets.items()}).prepare()
        except CycleError as error:
            before, after = error.args[1][:2]
            assets[after].deps.pop(before)
        else:
            return


def _spec(asset: _Asset) -> dg.AssetSpec:
    loaded, read = ", ".join(asset.loaded_by), ", ".join(asset.read_by)
    told = [f"Loaded by {loaded}." if loaded else "", f"Read by {read}." if read else ""]
    plans = list(asset.jobs.values())
    ways = {plan.job.partitions for plan in plans}
    return dg.AssetSpec(
        asset.key,
        deps=list(asset.deps),
        description=" ".join(text for text in told if text),
        group_name=next(iter(asset.jobs), SOURCES),
        kinds=set(list(asset.kinds)[:3]),
        owners=list(asset.owners) or None,
        partitions_def=partitions_definition(plans[0].job.partitions) if len(ways) == 1 else None,
        freshness_policy=_freshness(plans),
    )


def _freshness(plans: Iterable[Plan]) -> dg.FreshnessPolicy | None:
    """By the first schedule that runs: stale is what was not loaded between the last two ticks."""
    running = (schedule for plan in plans for schedule in plan.job.schedules if schedule.running)
    schedule: Schedule | None = next(running, None)
    if schedule is None:
        return None
    return _policy(schedule.cron, schedule.timezone)


@lru_cache
def _policy(cron: str, timezone: str) -> dg.FreshnessPolicy:
    """Dagster walks over many ticks to check one, so jobs of one cron line share it."""
    return dg.FreshnessPolicy.cron(cron, _shortest_wait(cron), timezone)


def _shortest_wait(cron: str) -> timedelta:
    """The shortest time between two ticks."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    ticks = dg.TimeWindowPartitionsDefinition(start=start, fmt="%Y-%m-%d %H:%M", cron_schedule=cron, timezone="UTC")
    begun: list[datetime] = []
    with dg.partition_loading_context(effective_dt=start + _FAR):
        window = ticks.get_first_partition_window()
        while window is not None and len(begun) < _TICKS:
            begun.append(window.start)
            window = ticks.get_next_partition_window(window.end)
    return min((after - before for before, after in pairwise(begun)), default=timedelta(minutes=1))


def _checks(specs: list[dg.AssetCheckSpec], name: str) -> dg.AssetChecksDefinition:
    """All checks as one definition. They are evaluated where the rows pass, so there is nothing to run by itself."""

    def refuse(context: dg.OpExecutionContext, __: Any) -> Iterator[dg.Output[Any]]:
        kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        if context.instance.get_records_for_run(context.run_id, of_type=kind, limit=1).records:
            yield from ()  # the ops of this run have done it
            return
        raise told("these checks are evaluated whenever the job loads rows; launch the job", "ConfigError")

    keys = {f"asset_{number}": key for number, key in enumerate(dict.fromkeys(spec.asset_key for spec in specs))}
    outs = {f"check_{number}": spec for number, spec in enumerate(specs)}
    op = dg.OpDefinition(
        compute_fn=refuse,
        name=f"lumos_checks_{hashlib.sha256(name.encode()).hexdigest()[:8]}",
        ins={place: dg.In(dg.Nothing) for place in keys},
        outs={place: dg.Out(dg.Nothing, is_required=False) for place in outs},
    )
    checks: dg.AssetChecksDefinition = dg.AssetChecksDefinition.create(
        keys_by_input_name=keys, node_def=op, check_specs_by_output_name=outs, can_subset=True
    )
    return checks
