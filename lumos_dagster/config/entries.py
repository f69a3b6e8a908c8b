"""The entries under `jobs`, in any of the three shapes, read into Entry and Pipeline."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lumos_dagster.config.components import Components, check_options, find_component, of_kind, stands_beside
from lumos_dagster.config.findings import Findings
from lumos_dagster.config.model import Entry, Kind, Pipeline
from lumos_dagster.config.names import name_problem, safe_name
from lumos_dagster.config.plugins import left_to
from lumos_dagster.config.policies import entry_retry
from lumos_dagster.config.sections import (
    ChainText,
    ComponentText,
    DagText,
    EntryText,
    FileText,
    JobText,
    Named,
    PipelineEntryText,
    PipelineText,
)
from lumos_dagster.errors import Problem
from lumos_dagster.values import Raw


@dataclass(frozen=True)
class Draft:
    """An entry before its parents are known; `entry` is None where a mistake keeps it from being built."""

    name: str
    path: str
    text: EntryText
    kind: Kind | None
    entry: Entry | Pipeline | None


class EntryReader:
    """Reads entries; every mistake goes to `findings`."""

    def __init__(self, findings: Findings, components: Components, file: FileText, dag: DagText) -> None:
        self.findings = findings
        self.components = components
        self.file = file
        self.dag = dag

    def read_all(self, jobs: Raw) -> list[Draft]:
        """Every entry, whatever the shape."""
        if jobs in ({}, []):
            self.findings.add(Problem("there are no jobs", path="jobs", hint="A job file has at least one."))
        drafts: list[Draft] = []
        if isinstance(jobs, Mapping):
            drafts = [self._job(JobText, name, path, raw) for name, path, raw in self._of_mapping(jobs)]
        elif isinstance(jobs, list):
            drafts = [
                self._pipeline(name, path, raw)
                if isinstance(raw, Mapping) and "pipeline" in raw
                else self._job(ChainText, name, path, raw)
                for name, path, raw in self._of_list(jobs)
            ]
        self._check_clashes(drafts)
        return drafts

    def _of_mapping(self, jobs: Mapping[str, Raw]) -> Iterator[tuple[str, str, Raw]]:
        for name, raw in jobs.items():
            path = f"jobs.{name}"
            self.findings.add(*name_problem(name, path))
            yield name, path, raw

    def _of_list(self, jobs: list[Raw]) -> Iterator[tuple[str, str, Raw]]:
        """The entries with their names, which take the place of their numbers in paths."""
        seen: dict[str, str] = {}
        for index, raw in enumerate(jobs):
            written = f"jobs.{index}"
            key = "id" if isinstance(raw, Mapping) and raw.get("id") is not None else "name"
            found = raw.get(key) if isinstance(raw, Mapping) else None
            if found is None and isinstance(raw, Mapping):
                self.findings.add(Problem("the entry has no name", path=written, hint="Give it a name: or an id:."))
            name = str(index if found is None else found)
            problems = name_problem(name, f"{written}.{key}")
            if name in seen:
                hint = f"The entry on line {self.findings.place(seen[name])[0]} has it already."
                problems = [Problem(f"the name {name!r} is taken", path=f"{written}.{key}", hint=hint)]
            self.findings.add(*problems)
            if problems or found is None:
                yield name, written, raw
                continue
            seen[name] = written
            self.findings.call(f"jobs.{name}", written)
            yield name, f"jobs.{name}", raw

    def _job(self, model: type[JobText], name: str, path: str, raw: Raw) -> Draft:
        text = self.findings.read(model, raw, path)
        kind = text.type or _only_kind(text)
        entry = self._entry(kind, text, path) if kind else None
        return Draft(name, path, text, kind, entry and self._settled(entry, name, text))

    def _pipeline(self, name: str, path: str, raw: Mapping[str, Raw]) -> Draft:
        text = self.findings.read(PipelineEntryText, raw, path)
        stages: list[Entry] = []
        complete = True
        for kind, stage, where, part in self._stages(raw["pipeline"], f"{path}.pipeline"):
            entry = self._entry(kind, part, where)
            if entry is None:
                complete = False
                continue
            parents = (stages[-1].name,) if stages else ()
            asset = text.asset if kind == "loader" else None
            settled = self._settled(entry, stage, text)
            stages.append(replace(settled, parents=parents, description="", asset=asset, enabled=True))
        pipeline = Pipeline(name, tuple(stages), description=_description(text), enabled=text.enabled)
        return Draft(name, path, text, "extractor", pipeline if complete else None)

    def _stages(self, raw: Raw, path: str) -> Iterator[tuple[Kind, str, str, ComponentText]]:
        """Each stage that is there: its kind, its name, its path and what is written."""
        if raw is not None:
            self.findings.read(PipelineText, raw, path)
        if not isinstance(raw, Mapping):
            return
        transformers = raw.get("transformers")
        parts: list[tuple[Kind, str, str, Raw]] = [("extractor", "extract", "extractor", raw.get("extractor"))]
        for index, part in enumerate(transformers if isinstance(transformers, list) else ()):
            parts.append(("transformer", f"transform_{index + 1}", f"transformers.{index}", part))
        parts.append(("loader", "load", "loader", raw.get("loader")))
        for kind, name, key, part in parts:
            where = f"{path}.{key}"
            if isinstance(part, Mapping):
                yield kind, name, where, self.findings.read(ComponentText, part, where)

    def _entry(self, kind: Kind, text: ComponentText, path: str) -> Entry | None:
        """The component of an entry or stage with its options checked."""
        type_ = self._type(kind, text, path)
        if type_ is None:
            return None
        found = find_component(self.components, kind, *type_)
        if not isinstance(found, Problem):
            found = left_to(found, self.file, type_[1])
        if isinstance(found, Problem):
            self.findings.add(found)
            return None
        beside = {key: value for key, value in text.options.items() if key in stands_beside(found)}
        bad_rows = self.findings.read(EntryText, beside, f"{path}.options")
        own = {key: value for key, value in text.options.items() if key not in beside}
        options, problems = check_options(found, own, f"{path}.options", self.file.vars)
        if not self.findings.has(f"{path}.options"):
            self.findings.add(*problems)
        return Entry("", kind, type_[0], found, options, on_error=bad_rows.on_error, max_rejects=bad_rows.max_rejects)

    def _type(self, kind: Kind, text: ComponentText, path: str) -> tuple[str, str] | None:
        """The component's type and where it stands."""
        given = _given_types(text)
        own = given.pop(kind, None)
        slip = own is None and list(given) == ["extractor"]
        if own is None and not given:
            known = tuple(of_kind(self.components, kind))
            self.findings.add(Problem(f"the required key '{kind}_type' is missing", path=path, allowed=known))
        hint = f"Write {kind}_type."
        if slip:
            where = f"{path}.extractor_type"
            self.findings.warn(Problem(f"a {kind}'s type stands under extractor_type", path=where, hint=hint))
            return given["extractor"], where
        for other in given:
            self.findings.add(Problem(f"{other}_type is not for {kind}s", path=f"{path}.{other}_type", hint=hint))
        return None if own is None else (own, f"{path}.{kind}_type")

    def _settled(self, entry: Entry, name: str, text: EntryText) -> Entry:
        """The entry under its name, with what is written beside its component."""
        return replace(
            entry,
            name=name,
            description=_description(text),
            timeout=text.timeout,
            retry=entry_retry(text, self.dag),
            failure_policy=text.failure_policy,
            on_error=entry.on_error or text.on_error,
            max_rejects=entry.max_rejects or text.max_rejects,
            enabled=text.enabled,
            pool=text.pool,
            asset=text.asset,
        )

    def _check_clashes(self, drafts: list[Draft]) -> None:
        """Two ops must not have one name once Dagster's letters are used for both."""
        seen: dict[str, str] = {}
        for draft in drafts:
            stages = draft.entry.stages if isinstance(draft.entry, Pipeline) else ()
            for name in (draft.name, *(f"{draft.name}.{stage.name}" for stage in stages)):
                safe = safe_name(name)
                other = seen.setdefault(safe, name)
                if other != name:
                    message = f"{other!r} and {name!r} are one name for Dagster ({safe})"
                    self.findings.add(Problem(message, path=draft.path, hint="Rename one of them."))


def _description(text: EntryText) -> str:
    """What is said about an entry; the `name` beside an `id` is any text, and better than nothing."""
    title = text.name if isinstance(text, Named) and text.id is not None else None
    return text.description or title or ""


def _given_types(text: ComponentText) -> dict[Kind, str]:
    given: dict[Kind, str | None] = {
        "extractor": text.extractor_type,
        "transformer": text.transformer_type,
        "loader": text.loader_type,
    }
    return {kind: name for kind, name in given.items() if name is not None}


def _only_kind(text: ComponentText) -> Kind | None:
    """Where `type` is missing, the kind that the one `*_type` tells, so that the options are checked all the same."""
    kinds = list(_given_types(text))
    return kinds[0] if len(kinds) == 1 else None
