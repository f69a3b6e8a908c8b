"""The key of what an op reads or writes: the same wherever the same thing is meant."""

import re

import dagster as dg

from lumos_dagster.config.model import Entry, JobFile
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


def _key(*parts: str) -> dg.AssetKey:
    return dg.AssetKey([re.sub(r"[^\w.-]", "_", part) for part in parts if part])
