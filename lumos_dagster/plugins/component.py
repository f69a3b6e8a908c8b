"""Components made from what is installed: found again by name where they are unpickled, run by their driver."""

import copyreg
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, SecretStr, ValidationInfo, create_model, field_validator

from lumos_dagster.accounting import Task
from lumos_dagster.errors import PluginError
from lumos_dagster.interface import Combiner, Component, Extractor, Loader, LoadResult
from lumos_dagster.plugins.drivers import driver_named
from lumos_dagster.plugins.guest import Guest, Kind, Limits, Rights
from lumos_dagster.plugins.installed import Installed
from lumos_dagster.plugins.options import OpenModel, fields_of, schema_of, takes_more
from lumos_dagster.strict import StrictModel
from lumos_dagster.values import Raw

ABIS_WITHOUT_IDENTITY = ("lumos-legacy", "lumos:plugin@1")
"""What others have defined: their options are the user's and nothing else."""

_SECRET_NAME = re.compile("pass(word|wd|phrase)|secret|token|credential|api.?key|private.?key", re.IGNORECASE)


@dataclass(frozen=True)
class Use:
    """One kind of one plugin, as a job uses it: within its rights and limits, or those that the job has left."""

    plugin: Installed
    kind: Kind
    rights: Rights
    limits: Limits


class PluginClass(type(BaseModel)):  # type: ignore[misc] # pydantic does not publish its metaclass
    """The class of classes made from what is installed. Such a class pickles as the place where it is found again."""

    use: Use


def _found_again(found: PluginClass) -> tuple[Any, ...]:
    from lumos_dagster.plugins.project import find_class

    use = found.use
    return find_class, (str(use.plugin.folder), use.plugin.manifest.name, use.kind, use.rights, use.limits)


copyreg.pickle(PluginClass, _found_again)


class _Foreign(Component):
    """What components over a guest share."""

    use: ClassVar[Use]

    @field_validator("*")
    @classmethod
    def _may_be_seen(cls, value: Any, info: ValidationInfo) -> Any:
        """A secret that the plugin may not see is refused before anything runs."""
        manifest, seen = cls.use.plugin.manifest, cls.use.rights.secrets
        name = info.field_name and (cls.model_fields[info.field_name].validation_alias or info.field_name)
        if manifest.driver == "wasm" and isinstance(value, SecretStr) and name not in seen:
            grant = f"install it with --grant secrets={name}, and let the job's plugins: leave it that"
            raise ValueError(f"the plugin {manifest.name} was not granted to see this secret; {grant}")
        return value

    @classmethod
    def hidden(cls, options: Mapping[str, Raw]) -> Iterator[str]:
        """Texts that the plugin declares nowhere, under names that secrets have."""
        for name, value in options.items():
            if name not in cls.fields_by_option() and isinstance(value, str) and _SECRET_NAME.search(name):
                yield value

    @contextmanager
    def _guest(self, task: Task) -> Iterator[Guest]:
        """The guest, opened for this attempt."""
        use = self.use
        driver = driver_named(use.plugin.manifest.driver)
        name = use.plugin.manifest.name
        with driver.open(use.plugin.verified(), use.rights, use.limits, task, name) as guest:
            yield guest

    def _json(self, task: Task) -> str:
        """The options as JSON, secrets in the clear."""
        manifest = self.use.plugin.manifest
        values = {name: getattr(self, field) for name, field in _fields(type(self)).items()}
        values = {name: value for name, value in values.items() if value is not None} | (self.model_extra or {})
        if self.use.kind == "loader" and not manifest.abi.startswith(ABIS_WITHOUT_IDENTITY):
            values["lumos"] = {"load": task.run.load_id, "job": task.run.job, "op": task.op}
        return json.dumps(values, default=_plain, ensure_ascii=False)


class ForeignExtractor(_Foreign, Extractor):
    """An extractor over a guest."""

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """The guest's rows."""
        options = self._json(task)
        with self._guest(task) as guest, guest.extract(options) as rows:
            yield rows


class ForeignTransformer(_Foreign, Combiner):
    """A transformer over a guest; only its rows can tell its columns, and nobody knows what became of each row."""

    apart: ClassVar[bool] = False
    balanced: ClassVar[bool] = False

    def bind(self, inputs: Mapping[str, pa.Schema]) -> None:
        """Only what the guest gives can tell the columns."""

    @contextmanager
    def combine(self, inputs: Mapping[str, pa.RecordBatchReader], task: Task) -> Iterator[pa.RecordBatchReader]:
        """What the guest makes of the rows."""
        (rows,) = inputs.values()
        options = self._json(task)
        with self._guest(task) as guest, guest.transform(options, rows) as changed:
            yield changed


class ForeignLoader(_Foreign, Loader):
    """A loader over a guest."""

    @property
    def atomic(self) -> bool:
        """As its manifest says."""
        return self.use.plugin.manifest.atomic

    def target(self) -> tuple[str, ...]:
        """The plugin: what it writes to, only the guest can tell."""
        return (f"plugin:{self.use.plugin.manifest.name}",)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Give the guest all rows. Raises PluginError where it says that it took fewer or more."""
        given = 0

        def passed() -> Iterator[pa.RecordBatch]:
            nonlocal given
            for batch in rows:
                given += batch.num_rows
                task.accept(batch)
                yield batch
            task.cancellation.check()  # no more rows: what comes next is the commit

        options = self._json(task)
        with self._guest(task) as guest:
            loaded = guest.load(options, pa.RecordBatchReader.from_batches(rows.schema, passed()))
        if loaded != given:
            name = self.use.plugin.manifest.name
            raise PluginError(f"plugin {name}: load: it was given {given} rows and says that it has loaded {loaded}")
        return LoadResult(inserted=loaded)


_BASES: Mapping[Kind, type[_Foreign]] = {
    "extractor": ForeignExtractor,
    "transformer": ForeignTransformer,
    "loader": ForeignLoader,
}


def foreign_class(plugin: Installed, kind: Kind) -> type[Component]:
    """The component of one kind over a plugin's binary; the binary itself is not touched."""
    manifest = plugin.manifest
    schema = schema_of(manifest.options, kind)
    base = _BASES[kind]
    bases = (base, OpenModel) if takes_more(schema) else (base,)
    made = create_model(
        class_name(manifest.name), __base__=bases, __doc__=manifest.description or f"{kind} {manifest.name}.",
        __cls_kwargs__={"metaclass": PluginClass}, **fields_of(schema),
    )  # fmt: skip
    return _with(made, Use(plugin, kind, plugin.rights, manifest.limits.limits()))


def python_class(component: type[Component], plugin: Installed, kind: Kind) -> type[Component]:
    """A plugin's own class as the catalogue has it: the same, but found again by the plugin's name."""
    body = {"__doc__": component.__doc__, "__module__": component.__module__}
    made = PluginClass(component.__name__, (component,), body)
    return _with(made, Use(plugin, kind, Rights(), Limits()))


def narrowed_class(component: type[Component], use: Use) -> type[Component]:
    """The same component with less."""
    body = {"__doc__": component.__doc__, "__module__": component.__module__}
    made = PluginClass(component.__name__, (component,), body)
    return _with(made, use)


def use_of(component: type[Component]) -> Use | None:
    """What of a plugin a component is; None for a built-in one."""
    return getattr(component, "use", None) if isinstance(component, PluginClass) else None


def _with(made: Any, use: Use) -> type[Component]:
    made.use = use
    found: type[Component] = made
    return found


def _fields(component: type[StrictModel]) -> dict[str, str]:
    """Each option's field."""
    return dict(zip(component.option_names(), component.model_fields, strict=True))


def class_name(plugin: str) -> str:
    """How a class of the plugin is called."""
    name = "".join(part.title() for part in plugin.replace("-", "_").split("_"))
    return name if name.isidentifier() else f"Plugin{name}"


def _plain(value: Any) -> Any:
    """What JSON has no form for: secrets, nested options, else their text."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return str(value)
