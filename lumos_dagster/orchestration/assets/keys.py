"""The key of what an op reads or writes: the same wherever the same thing is meant."""

import re
from collections.abc import Iterator

import dagster as dg

from lumos_dagster.config.model import Entry, JobFile
from lumos_dagster.plan import Path, Plan
from lumos_dagster.values import with_names


def asset_keys(job: JobFile, op: str, entry: Entry) -> tuple[dg.AssetKey, ...]:
    """The keys of an op, from `asset:`, else from its options as they are written; never none, never with a secret.

    A placeholder of the environment stands in a key by its name, so that a key is the same wherever the job runs.
    """
    if entry.asset:
        return (_key(*entry.asset.split("/")),)
    options = with_names(entry.options, job.vars)
    within = (job.name,) if entry.component.run_scoped and not options.get("persist") else ()
    found = [_key(*within, *parts) for parts in entry.component.datasets(options)]
    return tuple(dict.fromkeys(found)) or (_key(job.name, *op.split(".")),)


def asset_key(job: JobFile, op: str, entry: Entry) -> dg.AssetKey:
    """The key of what a loader writes, or the first of an op's."""
    return asset_keys(job, op, entry)[0]


def offered(plan: Plan) -> dict[Path, dg.AssetKey]:
    """What a job that is offered as assets makes, by loader: of two that load the same, it is the first."""
    if not plan.job.as_assets:
        return {}
    found: dict[dg.AssetKey, Path] = {}
    for path, node in plan.nodes.items():
        if node.entry.kind == "loader":
            found.setdefault(asset_key(plan.job, node.name, node.entry), path)
    return {path: key for key, path in found.items()}


def waits(plan: Plan) -> dict[Path, tuple[dg.AssetKey, ...]]:
    """What each extractor of a job that is offered as assets waits for, where such a job makes it: what it reads."""
    if not plan.job.as_assets:
        return {}
    nodes = (node for node in plan.nodes.values() if node.entry.kind == "extractor")
    return {node.path: asset_keys(plan.job, node.name, node.entry) for node in nodes}


def sources_of(plan: Plan, path: Path) -> Iterator[dg.AssetKey]:
    """What a loader's rows come from: what extractors read, or what another loader handed on."""
    for parent in plan.nodes[path].parents:
        node = plan.nodes[parent]
        if node.entry.kind == "transformer":
            yield from sources_of(plan, parent)
        else:
            yield from asset_keys(plan.job, node.name, node.entry)


def _key(*parts: str) -> dg.AssetKey:
    return dg.AssetKey([re.sub(r"[^\w.-]", "_", part) for part in parts if part])
