"""One job file's text to a JobFile, with every mistake in it told at once."""

from collections.abc import Sequence
from dataclasses import replace

from lumos_dagster.config.automation import read_partitions, read_schedules, read_sensors
from lumos_dagster.config.components import Components, variable_problems
from lumos_dagster.config.edges import read_parents
from lumos_dagster.config.entries import Draft, EntryReader
from lumos_dagster.config.findings import Findings, in_order
from lumos_dagster.config.model import JobFile, Pipeline
from lumos_dagster.config.names import dagster_name
from lumos_dagster.config.plugins import plugin_problems, plugin_warnings
from lumos_dagster.config.policies import job_retry
from lumos_dagster.config.sections import DagText, FileText
from lumos_dagster.config.yaml_text import read_yaml
from lumos_dagster.config.yaml_tree import Place


def parse_job(text: str, file: str, catalog: Components, name: str = "") -> JobFile:
    """Read a job file's text. Raises ConfigError with all mistakes, in the order of the file.

    The Dagster job is called `name`, by default as the file.
    """
    document = read_yaml(text, file)
    findings = Findings(file, document)
    data = document.data
    header = findings.read(FileText, {key: value for key, value in data.items() if key != "dag"}, "")
    dag = findings.read(DagText, data["dag"], "dag") if data.get("dag") is not None else DagText()
    drafts = EntryReader(findings, catalog, header, dag).read_all(data.get("jobs"))
    parents = read_parents(drafts, dag.dependencies, findings)
    findings.add(*variable_problems(header.vars))
    findings.add(*plugin_problems(header, catalog))
    for warning in plugin_warnings(header):
        findings.warn(warning)
    name = dagster_name(name or file)
    sensors = read_sensors(header, name, findings)
    partitions = read_partitions(header.partitions, drafts, findings)
    findings.raise_any()
    return JobFile(
        path=file,
        name=name,
        title=header.name or "",
        entries=tuple(replace(draft.entry, parents=parents[draft.name]) for draft in drafts if draft.entry),
        text=text,
        description=header.description,
        vars=header.vars,
        execution=header.execution,
        executor=header.executor,
        failure_policy=dag.failure_policy,
        retry=job_retry(dag),
        on_error=dag.on_error,
        max_rejects=dag.max_rejects,
        tags=header.tags,
        owners=header.owners,
        as_assets=header.as_assets,
        schedules=read_schedules(header),
        sensors=sensors,
        partitions=partitions,
        warnings=tuple(in_order(findings.warnings)),
        places=_under_first_spellings(findings.places_by_name(), drafts),
    )


def _under_first_spellings(places: dict[str, Place], drafts: Sequence[Draft]) -> dict[str, Place]:
    """The places with those of options written in another spelling under the one that an op's errors use, too."""
    found = dict(places)
    for draft in drafts:
        stages = draft.entry.stages if isinstance(draft.entry, Pipeline) else (draft.entry,) if draft.entry else ()
        for stage in stages:
            name = f"{draft.name}.{stage.name}" if isinstance(draft.entry, Pipeline) else draft.name
            for first, others in stage.component.option_names().items():
                for other in others:
                    written, known = f"jobs.{name}.options.{other}", f"jobs.{name}.options.{first}"
                    below = {
                        path: at for path, at in places.items() if path == written or path.startswith(f"{written}.")
                    }
                    found |= {known + path.removeprefix(written): at for path, at in below.items()}
    return found
