"""The list of operations: a new one is its class in the file of its theme, and one line here."""

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, GetCoreSchemaHandler, Tag
from pydantic_core import CoreSchema, PydanticCustomError

from lumos_dagster.interface import Rule, is_secret
from lumos_dagster.problems import near
from lumos_dagster.transforms.operation import NAME_KEYS, Operation
from lumos_dagster.transforms.operations.arithmetic import (
    Abs,
    Add,
    Calculate,
    Ceil,
    Divide,
    Floor,
    Modulo,
    Multiply,
    Round,
    Subtract,
)
from lumos_dagster.transforms.operations.columns import AddField, Compute, RemoveField, RenameField, SelectFields
from lumos_dagster.transforms.operations.conversion import ConvertField
from lumos_dagster.transforms.operations.dates import FormatDate
from lumos_dagster.transforms.operations.filtering import FilterField
from lumos_dagster.transforms.operations.formatting import FormatField
from lumos_dagster.transforms.operations.json import Extract, ParseJson, ToJson
from lumos_dagster.transforms.operations.lookup import MapValues
from lumos_dagster.transforms.operations.nested import Explode, Flatten
from lumos_dagster.transforms.operations.nulls import FillNull, NullIf
from lumos_dagster.transforms.operations.patterns import Pad, RegexExtract, RegexReplace, Substring
from lumos_dagster.transforms.operations.privacy import Hash, Mask
from lumos_dagster.transforms.operations.text import (
    Capitalize,
    LeftTrim,
    Lowercase,
    MergeFields,
    Replace,
    RightTrim,
    SplitField,
    Title,
    Trim,
    Uppercase,
)
from lumos_dagster.transforms.operations.validation import Validate
from lumos_dagster.values import has_placeholder

OPERATIONS: tuple[type[Operation], ...] = (
    RenameField, RemoveField, SelectFields, AddField, Compute,
    ConvertField, FormatDate, FormatField, FilterField,
    Uppercase, Lowercase, Capitalize, Title, Trim, LeftTrim, RightTrim,
    Replace, RegexReplace, RegexExtract, Substring, Pad, MergeFields, SplitField,
    Add, Subtract, Multiply, Divide, Modulo, Calculate, Round, Ceil, Floor, Abs,
    FillNull, NullIf, MapValues,
    ParseJson, ToJson, Extract, Flatten, Explode,
    Hash, Mask, Validate,
)  # fmt: skip


def class_named(name: str, options: Mapping[str, Any]) -> type[Operation] | None:
    """The operation of that name; of two (`add`), arithmetic is meant where an `operand` stands beside it."""
    found = [operation for operation in OPERATIONS if name in operation.names]
    if len(found) > 1:
        found = [operation for operation in found if ("operand" in options) == ("operand" in operation.model_fields)]
    return found[0] if found else None


def secrets_of(options: Any) -> Iterator[str]:
    """The texts in a list of operations, as a job file has them, that may be secrets; placeholders among them."""
    for operation, one in _named(options):
        for option, field in operation.fields_by_option().items():
            if is_secret(field) and isinstance(one.get(option), str):
                yield one[option]


def rules_of(options: Any) -> Iterator[Rule]:
    """What a list of operations, as a job file has them, holds rows against; not what only a placeholder tells."""
    for operation, one in _named(options):
        if operation is Validate:
            fields = one["field"] if "field" in one else one["fields"]
            for field in fields if isinstance(fields, list | tuple) else (fields,):
                if not has_placeholder([field, one["rule"]]):
                    yield Rule(str(field), one["rule"])


def _named(options: Any) -> Iterator[tuple[type[Operation], Mapping[str, Any]]]:
    """The operations of a list as a job file has them, each with what it is; none for what a placeholder stands for."""
    for one in options if isinstance(options, list | tuple) else ():
        name = next((one[key] for key in NAME_KEYS if key in one), None) if isinstance(one, Mapping) else None
        if isinstance(name, str) and (operation := class_named(name, one)):
            yield operation, one


def _tag(options: Any) -> str:
    """Which member of the union it is; names that nobody knows have been refused before."""
    if isinstance(options, Operation):
        return type(options).__name__
    key = next(key for key in NAME_KEYS if key in options)
    found = class_named(options[key], options)
    return found.__name__ if found else ""


def _known(options: Any) -> Any:
    """Refuse what does not name an operation, in words that help."""
    if isinstance(options, Operation):
        return options
    if not isinstance(options, Mapping):
        raise PydanticCustomError("lumos", "must be a mapping that names an operation")
    name = next((options[key] for key in NAME_KEYS if key in options), None)
    allowed = [operation.names[0] for operation in OPERATIONS]
    if name is None:
        raise PydanticCustomError("lumos", "the required key operation (or type) is missing", {"allowed": allowed})
    if not isinstance(name, str) or class_named(name, options) is None:
        spellings = [name for operation in OPERATIONS for name in operation.names]
        context = {"found": name, "allowed": allowed, "hint": near(str(name), spellings)}
        raise PydanticCustomError("lumos", "not an operation", context)
    return options


class OneOperation:
    """Marks a field as one of OPERATIONS, told apart by the name that it gives itself."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The discriminated union."""
        members = reduce(or_, (Annotated[operation, Tag(operation.__name__)] for operation in OPERATIONS))
        return handler.generate_schema(Annotated[members, Discriminator(_tag), BeforeValidator(_known)])
