"""The JSON Schema of a job file, for editors and documentation, from the same classes that read the file."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, TypeVar

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core.core_schema import ModelSchema

from lumos_dagster.config.components import Components, of_kind, stands_beside
from lumos_dagster.config.model import Kind
from lumos_dagster.config.names import ENTRY_NAME
from lumos_dagster.config.sections import ChainText, ComponentText, FileText, JobText, PipelineEntryText, Section
from lumos_dagster.interface import Component, StrictModel

Schema = dict[str, Any]

M = TypeVar("M", bound=StrictModel)

_REFS = "#/$defs/"
_KINDS: tuple[Kind, ...] = ("extractor", "transformer", "loader")
_NOTHING: Schema = {"type": "null"}
_PLACEHOLDER: Schema = {
    "type": "string",
    "pattern": r"\$\{|\$(NOW|TODAY|RUN_ID|JOB)\b",
    "description": "A text with ${NAME}, ${NAME:-default}, ${vars.x} or $NOW in it, resolved when the op runs.",
}
_ENTRY_NAME: Schema = {"pattern": f"^{ENTRY_NAME.pattern}$"}
_NAMED: Schema = {
    "if": {"required": ["id"]},
    "then": {"properties": {"id": _ENTRY_NAME}},
    "else": {"required": ["name"], "properties": {"name": _ENTRY_NAME}},
}
_LIMITS = frozenset(("const", "enum", "pattern", "minLength", "maxLength"))


def json_schema(catalog: Components) -> Schema:
    """The JSON Schema (2020-12) of a job file in any shape, with the options of the catalogue's components."""
    components = {kind: of_kind(catalog, kind) for kind in _KINDS}
    refs, options = _definitions(*dict.fromkeys(found for known in components.values() for found in known.values()))
    _, sections = _definitions(FileText, JobText, ChainText, PipelineEntryText, ComponentText)
    choices = {kind: _choices(kind, known, refs) for kind, known in components.items()}
    for name in ("JobText", "ChainText"):
        sections[name]["allOf"] = [
            {"if": {"required": ["type"], "properties": {"type": {"const": kind}}}, "then": choices[kind]}
            for kind in _KINDS
        ]
    sections["ChainText"]["allOf"].append(_NAMED)
    sections["PipelineEntryText"]["allOf"] = [_NAMED]
    stage = sections.pop("ComponentText")
    for kind in _KINDS:
        sections[f"{kind.title()}Stage"] = {**stage, "allOf": [choices[kind]]}
    sections["PipelineText"]["properties"] |= {
        "extractor": _ref("ExtractorStage"),
        "transformers": {"anyOf": [{"type": "array", "items": _ref("TransformerStage")}, _NOTHING]},
        "loader": _ref("LoaderStage"),
    }
    file = sections.pop("FileText")
    file["properties"]["jobs"] |= _jobs()
    options = {name: _late(found) for name, found in options.items()}
    for component, ref in refs.items():
        beside = {key: sections["JobText"]["properties"][key] for key in stands_beside(component)}
        options[ref["$ref"].removeprefix(_REFS)].setdefault("properties", {}).update(beside)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lumos job file",
        **file,
        "$defs": {**sections, **options, "Placeholder": _PLACEHOLDER},
    }


def options_schema(component: type[Component]) -> Schema:
    """The JSON Schema of one component's options, other spellings included."""
    return component.model_json_schema(schema_generator=_Generator)


class _Generator(GenerateJsonSchema):
    """Pydantic's schemas, with what our models know beside them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """A title that only repeats the key helps nobody."""
        return False

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """A model's schema, with its other spellings and with what may be left empty."""
        found = super().model_schema(schema)
        found.pop("title", None)
        model = schema["cls"]
        if issubclass(model, StrictModel):
            _describe(found, model)
        if issubclass(model, Section):
            _allow_nothing(found, model)
        elif issubclass(model, StrictModel):
            _add_spellings(found, model)
        return found


def _definitions(*models: type[M]) -> tuple[dict[type[M], Schema], dict[str, Schema]]:
    """A reference to each model, and all that they refer to."""
    found, parts = models_json_schema([(model, "validation") for model in models], schema_generator=_Generator)
    return {model: found[model, "validation"] for model in models}, parts["$defs"]


def _describe(schema: Schema, model: type[StrictModel]) -> None:
    """What is said of each key."""
    for name, text in model.option_texts().items():
        if text and name in schema.get("properties", {}):
            schema["properties"][name].setdefault("description", text)


def _allow_nothing(schema: Schema, model: type[Section]) -> None:
    """A key with nothing after it counts as not written, but for the required ones."""
    for key, found in schema.get("properties", {}).items():
        if key in model.REQUIRED:
            found.pop("default", None)
            if "anyOf" in found:
                found["anyOf"] = [choice for choice in found["anyOf"] if choice != _NOTHING]
        elif key not in schema.get("required", ()) and _NOTHING not in found.get("anyOf", ()):
            schema["properties"][key] = _either(found, _NOTHING)
    if model.REQUIRED:
        schema["required"] = list(model.REQUIRED)


def _add_spellings(schema: Schema, model: type[StrictModel]) -> None:
    """Each other spelling beside the first; of all, one at a time."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    rules: list[Schema] = []
    for name, others in model.option_names().items():
        if name not in properties or not others:
            continue
        properties |= dict.fromkeys(others, properties[name])
        spellings = (name, *others)
        if name in required:
            required.remove(name)
            rules.append({"oneOf": [{"required": [spelling]} for spelling in spellings]})
        else:
            rules += [{"not": {"required": list(pair)}} for pair in combinations(spellings, 2)]
    if rules:
        schema["allOf"] = [*schema.get("allOf", ()), *rules]


def _choices(kind: Kind, components: Mapping[str, type[Component]], refs: Mapping[type[Component], Schema]) -> Schema:
    """Which types a kind has, and the options of each; a loader's or transformer's may stand under extractor_type."""
    own, names = f"{kind}_type", list(components)
    foreign = [f"{other}_type" for other in _KINDS if other not in (kind, "extractor")]
    result: Schema = {"properties": {own: {"enum": names}, **dict.fromkeys(foreign, False)}}
    keys = [own] if kind == "extractor" else [own, "extractor_type"]
    result["anyOf"] = [
        {"required": [key], "properties": {**dict.fromkeys(keys, False), key: {"enum": names}}} for key in keys
    ]
    rules: list[Schema] = []
    for component in dict.fromkeys(components.values()):
        spelled = [name for name, other in components.items() if other is component]
        chosen = [{"required": [key], "properties": {key: {"enum": spelled}}} for key in keys]
        needed = any(field.is_required() for field in component.model_fields.values())
        options = refs[component] if needed else {"anyOf": [refs[component], _NOTHING]}
        then: Schema = {"properties": {"options": options}} | ({"required": ["options"]} if needed else {})
        rules.append({"if": {"anyOf": chosen}, "then": then})
    return {**result, "allOf": rules} if rules else result


def _jobs() -> Schema:
    of_list = {"if": {"required": ["pipeline"]}, "then": _ref("PipelineEntryText"), "else": _ref("ChainText")}
    return {
        "anyOf": [
            {
                "type": "object",
                "minProperties": 1,
                "propertyNames": _ENTRY_NAME,
                "additionalProperties": _ref("JobText"),
            },
            {"type": "array", "minItems": 1, "items": {"type": "object", **of_list}},
        ]
    }


def _late(schema: Schema) -> Schema:
    """The same schema, but a text with a placeholder may stand for each value inside."""
    result = dict(schema)
    for key in ("properties", "patternProperties"):
        if key in result:
            result[key] = {name: _or_placeholder(found) for name, found in result[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(result.get(key), dict):
            result[key] = _or_placeholder(result[key])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in result:
            result[key] = [_late(found) for found in result[key]]
    return result


def _or_placeholder(schema: Schema) -> Schema:
    found = _late(schema)
    return found if "const" in found or _takes_any_text(found) else _either(found, _ref("Placeholder"))


def _takes_any_text(schema: Schema) -> bool:
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return any(_takes_any_text(choice) for choice in choices)
    kinds = schema.get("type", "string")
    return (
        "$ref" not in schema
        and "string" in (kinds if isinstance(kinds, list) else [kinds])
        and not _LIMITS & schema.keys()
    )


def _either(schema: Schema, other: Schema) -> Schema:
    """One or the other, with the notes about the value kept outside."""
    notes: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in notes}
    choices = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    return {"anyOf": [*choices, other], **notes}


def _ref(name: str) -> Schema:
    return {"$ref": f"{_REFS}{name}"}
