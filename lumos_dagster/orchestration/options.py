"""A component's options as a Dagster config schema: typed, described, the YAML's values as defaults."""

import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

import dagster as dg
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from lumos_dagster.config.model import Entry
from lumos_dagster.interface import Component, is_secret
from lumos_dagster.values import Raw, has_placeholder

_SCALARS: Mapping[object, object] = {str: str, int: int, float: float, bool: bool}
_NO_DEFAULT = object()


def config_schema(entry: Entry) -> "dict[str, dg.Field] | dg.Permissive":
    """One field per option of the entry's component, under its first spelling; open where its options are."""
    component = entry.component
    fields = {
        name: _field(name, component, _default(name, field, entry))
        if name in entry.options
        else _unwritten(name, component)
        for name, field in component.fields_by_option().items()
    }
    if component.model_config.get("extra") != "allow":
        return fields
    more = {name: _shown(dg.Any, _default(name, None, entry), "") for name in _undeclared(entry)}
    return dg.Permissive(fields | more)  # type: ignore[no-untyped-call]


def changed_options(entry: Entry, config: Mapping[str, Raw]) -> dict[str, Raw]:
    """The options that a launch really changes: a default written out by the launchpad is no change."""
    shown = {name: _default(name, field, entry) for name, field in entry.component.fields_by_option().items()}
    shown |= {name: _default(name, None, entry) for name in _undeclared(entry)}
    return {name: value for name, value in config.items() if name not in shown or value != shown[name]}


@cache
def _unwritten(name: str, component: type[Component]) -> dg.Field:
    """The field of an option that the YAML does not set: the same in every job."""
    return _field(name, component, _own_default(component.fields_by_option()[name]))


def _field(name: str, component: type[Component], default: object) -> dg.Field:
    field = component.fields_by_option()[name]
    description = " ".join(component.option_texts()[name].split())
    kind = _config_type(f"{component.__name__}_{name}", field.annotation, default)
    if default is _NO_DEFAULT and is_secret(field):
        description = f"{description} Set in the YAML; not shown, as it may hold a secret.".strip()
    return _shown(kind, default, description)


def _shown(kind: Any, default: object, description: str) -> dg.Field:
    if default is _NO_DEFAULT:
        return dg.Field(kind, is_required=False, description=description)
    return dg.Field(kind, default_value=default, description=description)


def _undeclared(entry: Entry) -> list[str]:
    """The options written for a component that takes any, beside those that it declares."""
    return [name for name in entry.options if name not in entry.component.fields_by_option()]


def _default(name: str, field: FieldInfo | None, entry: Entry) -> object:
    """The value as written in the YAML, else the option's own default; none for what may hold a secret."""
    if name in entry.options:
        value = entry.options[name]
        inside = any(not has_placeholder(secret) for secret in entry.component.hidden({name: value}))
        secret = is_secret(field) if field else isinstance(value, str) and "://" in value
        return _NO_DEFAULT if inside or (secret and _tells_a_secret(value)) else value
    return _own_default(field) if field else _NO_DEFAULT


def _own_default(field: FieldInfo) -> object:
    if field.default is PydanticUndefined or field.default is None:
        return _NO_DEFAULT
    return to_jsonable_python(field.default)


def _tells_a_secret(value: Raw) -> bool:
    """A placeholder tells none, nor does the address of a server without a password in it."""
    if not isinstance(value, str):
        return True
    if has_placeholder(value):
        return False
    address = value.removeprefix("jdbc:")
    return "://" not in address or "password" in address.lower() or urlsplit(address).password is not None


def _config_type(name: str, annotation: Any, default: object) -> Any:
    """The Dagster config type of a plain annotation; Any where the YAML allows more than one form."""
    if isinstance(default, str) and has_placeholder(default):
        return dg.Any
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _config_type(name, arguments[0], default)
    if annotation in _SCALARS and (default is _NO_DEFAULT or type(default) is annotation):
        return annotation
    if origin is Literal and all(isinstance(item, str) for item in arguments):
        return dg.Enum(name, [dg.EnumValue(item) for item in arguments])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return dg.Enum(name, [dg.EnumValue(str(item.value)) for item in annotation])
    if origin in (Union, types.UnionType) and len(arguments) == 2 and type(None) in arguments:
        inner = next(item for item in arguments if item is not type(None))
        return dg.Noneable(_config_type(name, inner, default))
    return dg.Any
