"""A plugin's options: their JSON Schema as the fields of a model, so that they are checked like built-in ones."""

import keyword
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import SchemaError

from lumos_dagster.interface import Combiner, Extractor, Loader
from lumos_dagster.plugins.guest import Kind
from lumos_dagster.strict import StrictModel

Schema = Mapping[str, Any]

KNOWN = (
    "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "oneOf", "$ref",
    "default", "title", "description", "format", "writeOnly", "readOnly", "deprecated", "examples", "$schema", "$id",
    "$defs", "$comment", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "pattern", "minItems", "maxItems",
)  # fmt: skip
"""The keywords of JSON Schema that an option may use; another is refused, since nobody would check it."""
_KINDS: tuple[Kind, ...] = ("extractor", "transformer", "loader")
_SCALARS: Mapping[str, Any] = {"integer": int, "number": float, "boolean": bool, "null": type(None)}
_LIMITS = {
    "minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt", "multipleOf": "multiple_of",
    "minLength": "min_length", "maxLength": "max_length", "minItems": "min_length", "maxItems": "max_length",
    "pattern": "pattern",
}  # fmt: skip
_COMPONENTS = (Extractor, Combiner, Loader)
_DEEPEST = 16


def schema_of(options: Schema, kind: Kind) -> Schema:
    """The schema of one kind's options, where each kind may have its own."""
    if options and set(options) <= set(_KINDS):
        found: Schema = options.get(kind, {})
        return found
    return options


def check_schema(schema: Schema) -> None:
    """Raise ValueError for what cannot be turned into fields."""
    if schema and (schema.get("type", "object") != "object" or not isinstance(schema.get("properties", {}), Mapping)):
        raise ValueError("must be the JSON Schema of an object, its options under properties")
    try:
        create_model("Options", __base__=StrictModel, **fields_of(schema))
        for name, (kind, field) in fields_of(schema).items():
            if not field.is_required() and field.default is not None:
                _check_default(name, kind, field.default)
    except (SchemaError, TypeError) as error:
        raise ValueError(f"is no schema for options: {error}") from None


def _check_default(name: str, kind: Any, default: Any) -> None:
    try:
        TypeAdapter(kind).validate_python(default)
    except ValidationError as error:
        raise ValueError(f"{name}: its default does not fit: {error.errors()[0]['msg']}") from None


def fields_of(schema: Schema) -> dict[str, Any]:
    """The fields for `pydantic.create_model`, by names that no model uses itself. Raises ValueError."""
    return _Reader(schema).fields(schema, "", _DEEPEST)


def takes_more(schema: Schema) -> bool:
    """Whether options beside the named ones are taken: the schema says so, or there is none."""
    return not schema or bool(schema.get("additionalProperties", False))


class _Reader:
    """Turns a schema into annotations; `root` is what `$ref` is looked up in."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def fields(self, schema: Schema, path: str, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        if lost := [name for name in required if name not in schema.get("properties", {})]:
            raise ValueError(f"{path or 'the schema'}: requires {lost[0]!r}, which is not among its properties")
        found: dict[str, Any] = {}
        for name, part in schema.get("properties", {}).items():
            where = f"{path}.{name}" if path else name
            field = self._field(name, part, name in required, where, depth)
            key = _field_name(name)
            while key in found:
                key += "_"
            kind = self._annotation(part, where, depth)
            found[key] = (kind if field.is_required() or field.default is not None else kind | None, field)
        return found

    def _field(self, name: str, schema: Any, required: bool, path: str, depth: int) -> FieldInfo:
        schema = self._looked_up(schema, path, depth)
        alias = None if _field_name(name) == name else name
        default = ... if required else _frozen(schema.get("default"))
        text = schema.get("description") or schema.get("title") or None
        made: FieldInfo = Field(default=default, description=text, validation_alias=alias, serialization_alias=alias)
        made.validate_default = default is not None and not required
        return made

    def _looked_up(self, schema: Any, path: str, depth: int) -> Schema:
        if not isinstance(schema, Mapping):
            raise ValueError(f"{path}: must be a JSON Schema")  # noqa: TRY004
        if depth <= 0:
            raise ValueError(f"{path}: is nested too deeply, or within itself")
        if unknown := [key for key in schema if key not in KNOWN and not key.startswith("x-")]:
            raise ValueError(f"{path}: the keyword {unknown[0]!r} is not supported; supported: {', '.join(KNOWN)}")
        if "$ref" not in schema:
            return schema
        at: Any = self._root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            at = at.get(part) if isinstance(at, Mapping) else None
        if at is None:
            raise ValueError(f"{path}: {schema['$ref']} leads nowhere; it must begin with #/ and stay in the schema")
        return {**self._looked_up(at, path, depth - 1), **{key: schema[key] for key in schema if key != "$ref"}}

    def _annotation(self, schema: Any, path: str, depth: int) -> Any:
        schema = self._looked_up(schema, path, depth)
        if "enum" in schema or "const" in schema:
            return Literal[tuple(schema.get("enum", [schema.get("const")]))]
        for choices in ("anyOf", "oneOf"):
            if choices in schema:
                return Union[tuple(self._annotation(part, path, depth - 1) for part in schema[choices])]  # noqa: UP007
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return Union[tuple(self._annotation({**schema, "type": kind}, path, depth) for kind in kinds)]  # noqa: UP007
        return self._of_type(kinds, schema, path, depth)

    def _of_type(self, kind: Any, schema: Schema, path: str, depth: int) -> Any:
        limits = {_LIMITS[key]: schema[key] for key in schema if key in _LIMITS}
        match kind:
            case "string" if schema.get("writeOnly") or schema.get("format") == "password":
                if "." in path or "[]" in path:
                    raise ValueError(f"{path}: a secret must be an option of its own, or nobody could hide it")
                return Annotated[SecretStr, Field(**{key: limits[key] for key in limits if key != "pattern"})]
            case "string":
                return Annotated[str, BeforeValidator(_text), Field(**limits)]
            case "array":
                items: Any = self._annotation(schema.get("items", {}), f"{path}[]", depth - 1)
                return Annotated[tuple[items, ...], Field(**limits)]
            case "object" if "properties" in schema:
                fields = self.fields(schema, path, depth - 1)
                extra = "allow" if takes_more(schema) else "forbid"
                return create_model(_field_name(path) + "_options", __base__=_open(extra), **fields)
            case "object":
                more = schema.get("additionalProperties", {})
                of = self._annotation(more, f"{path}.*", depth - 1) if isinstance(more, Mapping) else Any
                return dict[str, of]  # type: ignore[valid-type]
            case None:
                return Any
            case str() if kind in _SCALARS:
                return Annotated[_SCALARS[kind], Field(**limits)] if limits else _SCALARS[kind]
        raise ValueError(f"{path}: {kind!r} is no type of JSON Schema")


class OpenModel(StrictModel):
    """A mapping that takes keys beside those it names."""

    model_config = ConfigDict(extra="allow")


def _open(extra: str) -> type[StrictModel]:
    return OpenModel if extra == "allow" else StrictModel


def _field_name(name: str) -> str:
    """The option's own name where a model can have a field of it, else one like it."""
    clean = "".join(letter if letter.isidentifier() or letter.isdigit() else "_" for letter in name)
    if clean == name and name.isidentifier() and not keyword.iskeyword(name) and not _taken(name):
        return name
    return f"option_{clean}"


def _taken(name: str) -> bool:
    return name == "use" or name.startswith(("_", "model_")) or any(hasattr(kind, name) for kind in _COMPONENTS)


def _text(value: object) -> object:
    """A moment that a placeholder gave, as text: JSON has none."""
    return value.isoformat() if isinstance(value, date) else value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
