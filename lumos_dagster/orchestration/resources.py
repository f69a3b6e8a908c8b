"""The `lumos` resource: what a launch may say about the whole run, beside the options of each op."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from lumos_dagster.config.model import Execution, JobFile
from lumos_dagster.values import Raw

LUMOS = "lumos"


@dataclass(frozen=True)
class LumosSettings:
    """How rows flow in this run, the values of `vars`, what a sensor found, and where rows are kept between ops."""

    execution: Execution | None
    vars: Mapping[str, Raw]
    sensor: Mapping[str, str]
    storage: str
    keep_hours: float


def storage_of(instance: dg.DagsterInstance) -> str:
    """Where rows are kept between ops unless a launch says otherwise."""
    return f"{instance.storage_directory()}/lumos"


def lumos_resource(job: JobFile | None) -> dg.ResourceDefinition:
    """The resource of one job, the YAML's values as defaults; or of all jobs that are run as assets, together."""
    mode = dg.Enum("LumosExecution", [dg.EnumValue("staged"), dg.EnumValue("streaming")])

    def settings(context: dg.InitResourceContext) -> LumosSettings:
        config = context.resource_config
        instance = context.instance
        if instance is None:
            raise dg.DagsterInvariantViolationError("the lumos resource needs a Dagster instance")
        return LumosSettings(
            execution=config["execution"],
            vars=config["vars"],
            sensor=config["sensor"],
            storage=config.get("storage") or storage_of(instance),
            keep_hours=config["keep_hours"],
        )

    return dg.ResourceDefinition(
        settings,
        config_schema={
            "execution": dg.Field(
                mode if job else dg.Noneable(mode),
                default_value=job.execution if job else None,
                description="staged: each op's rows are kept, so a later op can be retried alone. "
                "streaming: one pass from source to target, nothing in between.",
            ),
            "vars": dg.Field(
                {name: dg.Field(dg.Any, default_value=value) for name, value in job.vars.items()} if job else dict,
                description="The file's vars, used as ${vars.x} in options.",
            ),
            "sensor": dg.Field(
                dict, default_value={}, description="What a sensor found, used as ${sensor.x} in options."
            ),
            "keep_hours": dg.Field(
                float, default_value=24.0, description="How long kept rows outlive a successful run, in hours."
            ),
            "storage": dg.Field(
                dg.StringSource,
                is_required=False,
                description="Folder or fsspec URL for rows kept between ops; default: under the instance's storage.",
            ),
        },
        description="How this run's rows flow.",
    )
