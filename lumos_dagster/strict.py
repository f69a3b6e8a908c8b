"""The base of every model that a job file is read into, immutable and strict about its keys; types of fields."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo

from lumos_dagster.docstrings import field_docstrings
from lumos_dagster.problems import with_known_keys


class StrictModel(BaseModel):
    """Keys of a job file, each with its docstring; an unknown one is an error that names the known. Immutable."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )

    @classmethod
    @cache
    def option_names(cls) -> Mapping[str, tuple[str, ...]]:
        """Each option as it is written in YAML, with its other accepted spellings."""
        names: dict[str, tuple[str, ...]] = {}
        for name, field in cls.model_fields.items():
            spellings = _spellings(name, field)
            names[spellings[0]] = spellings[1:]
        return names

    @classmethod
    @cache
    def fields_by_option(cls) -> Mapping[str, FieldInfo]:
        """Each option's field, under the option's first spelling."""
        return dict(zip(cls.option_names(), cls.model_fields.values(), strict=True))

    @classmethod
    @cache
    def option_texts(cls) -> Mapping[str, str]:
        """What is said of each option, under its first spelling; "" where nothing is."""
        texts = field_docstrings(cls)
        names = zip(cls.option_names(), cls.model_fields.items(), strict=True)
        return {option: field.description or texts.get(name, "") for option, (name, field) in names}

    @classmethod
    @cache
    def keys_below(cls) -> Mapping[str, str]:
        """Each key of the models within, with its own before it: what stands a level too high is meant there."""
        return {
            key: f"{option}.{key}"
            for option, field in cls.fields_by_option().items()
            if get_origin(field.annotation) is not tuple
            for kind in (field.annotation, *get_args(field.annotation))
            if isinstance(kind, type) and issubclass(kind, StrictModel)
            for key in kind.option_names()
        }

    @model_validator(mode="wrap")
    @classmethod
    def _say_what_is_known(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, Mapping) and data.get("on_error", "") is None:
            data = {**data, "on_error": "null"}  # YAML reads the word null as nothing; here the word is meant
        try:
            return handler(data)
        except ValidationError as error:
            secret = [name for name, field in cls.model_fields.items() if is_secret(field)]
            raise with_known_keys(error, cls.option_names(), secret, cls.keys_below()) from None


def is_secret(field: FieldInfo) -> bool:
    """Whether the option may hold a secret, so that its value is never shown."""
    return "SecretStr" in str(field.annotation)


def _spellings(name: str, field: FieldInfo) -> tuple[str, ...]:
    match field.validation_alias:
        case AliasChoices(choices=choices):
            return tuple(str(choice) for choice in choices)
        case str(alias):
            return (alias,)
    return (name,)


ConnectionString = Annotated[SecretStr, WithJsonSchema({"type": "string", "format": "lumos-connection"})]
"""Where a server is. It may hold a password, so it is never shown; one without a password may be."""


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""One text or a list of them."""
