"""The `join` transformer: rows of two parents put together by their keys."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from lumos_dagster.errors import ConfigError, DataError, Problem
from lumos_dagster.lineage import Origins, within
from lumos_dagster.problems import repeated
from lumos_dagster.relation import united_schema
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.queried import Queried, Query

_LEFT_ONLY = ("semi", "anti")


def _pairs(value: Any) -> Any:
    """One name, or a list of them, for a field that has the same name on both sides."""
    names = [value] if isinstance(value, str) else value
    return {name: name for name in names} if isinstance(names, list | tuple) else names


class Join(Queried):
    """Puts rows of two parents together where their keys are equal; a null is equal to nothing.

    The first parent listed is the left one. Rows come in the left's order, then in the right's.
    """

    balanced: ClassVar[bool] = False
    how: Literal["inner", "left", "right", "full", "anti", "semi"] = "inner"
    """inner: pairs only; left, right, full: that side's rows without a match too; semi, anti: the left's rows that
    have a match, or have none."""
    on: Annotated[dict[str, str], BeforeValidator(_pairs, json_schema_input_type=str | list[str] | dict[str, str])] = (
        Field(min_length=1)
    )
    """The key: a field, a list of them, or {left field: right field} where the names differ."""
    left: str | None = None
    """The parent that is the left side; without it, the first one listed."""
    suffix: str | None = None
    """What the right side's fields get behind their name where the left has the name too, such as `_right`."""

    @model_validator(mode="after")
    def _right_keys_once(self) -> "Join":
        if doubled := repeated(self.on.values()):
            raise ValueError(f"on names the field {doubled[0]!r} of the right side more than once")
        return self

    def query(self, inputs: Mapping[str, Columns]) -> Query:
        """The key, the left's other fields, the right's; of a key of one name only one field is given."""
        names = self._sides(inputs)
        left, right = (inputs[name] for name in names)
        one, other = (f"t{list(inputs).index(name)}" for name in names)
        on = " and ".join(
            f"{one}.c{left.place_of(key, 'on')} = {other}.c{right.place_of(match, 'on')}"
            for key, match in self.on.items()
        )
        keys = {key: self._key(key, left.type_of(key), right.type_of(match)) for key, match in self.on.items()}
        if self.how in _LEFT_ONLY:
            sql = f"select {one}.* from {one} {self.how} join {other} on {on} order by {one}.rowid"
            return Query(sql, left.schema)
        shared = [key for key, match in self.on.items() if key == match]
        terms: list[str] = []
        fields: list[pa.Field[Any]] = []
        for place, field in enumerate(left.schema):
            same = f"coalesce({one}.c{place}, {other}.c{right.place_of(field.name)})" if field.name in shared else ""
            terms.append(same or f"{one}.c{place}")
            fields.append(pa.field(field.name, keys[field.name]) if same else field.with_nullable(True))
        taken = set(left.schema.names)
        for place, field in enumerate(right.schema):
            if field.name not in shared:
                terms.append(f"{other}.c{place}")
                fields.append(field.with_name(self._free(field.name, names[1], taken)).with_nullable(True))
                taken.add(fields[-1].name)
        order = f"order by {one}.rowid nulls last, {other}.rowid"
        return Query(f"select {', '.join(terms)} from {one} {self.how} join {other} on {on} {order}", pa.schema(fields))

    def origins(self, inputs: Mapping[str, pa.Schema]) -> Origins:
        """The left's fields, then the right's; a key of one name is made of both."""
        left, right = self._sides(inputs)
        shared = [] if self.how in _LEFT_ONLY else [key for key, match in self.on.items() if key == match]
        ends = [
            (within(left, name), within(right, name)) if name in shared else (within(left, name),)
            for name in inputs[left].names
        ]
        if self.how not in _LEFT_ONLY:
            ends += [(within(right, name),) for name in inputs[right].names if name not in shared]
        return Origins(dict(zip(self._query(inputs).schema.names, ends, strict=True)))

    def _sides(self, inputs: Mapping[str, object]) -> tuple[str, str]:
        parents = tuple(inputs)
        if len(parents) != 2:
            hint = "Join two at a time, or use the transformer sql."
            message = f"a join has two parents, here are {len(parents)}: {', '.join(parents)}"
            raise ConfigError(Problem(message, hint=hint))
        if self.left is None or self.left == parents[0]:
            return parents[0], parents[1]
        if self.left not in parents:
            raise ConfigError(Problem("not a parent", path="left", found=repr(self.left), allowed=parents))
        return parents[1], parents[0]

    def _key(self, name: str, left: pa.DataType, right: pa.DataType) -> pa.DataType:
        """The type of a key that holds the values of both sides."""
        try:
            both = united_schema([pa.schema([("key", left)]), pa.schema([("key", right)])])
        except DataError:
            message = f"the key {name!r} is {left} on the left and {right} on the right"
            raise ConfigError(Problem(message, path="on", hint="Convert one of them (convert_field).")) from None
        united: pa.DataType = both.field("key").type
        return united

    def _free(self, name: str, parent: str, taken: set[str]) -> str:
        if name not in taken:
            return name
        new = f"{name}{self.suffix}" if self.suffix else name
        if new in taken:
            hint = "Set suffix, such as _right, or rename or remove the field before the join."
            raise ConfigError(
                Problem(f"the field {name!r} of {parent} has a name that is taken already", path="suffix", hint=hint)
            )
        return new
