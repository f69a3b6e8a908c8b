"""The columns at one point of a chain of operations: asked for, checked and changed while the chain is bound."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from lumos_dagster.conversion import is_text
from lumos_dagster.conversion.kinds import Kind
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.lineage import Origins
from lumos_dagster.problems import near, repeated

_SHOWN = 30


class Columns:
    """Name -> type, in order. Every method that meets a mistake raises ConfigError with the path of the option."""

    def __init__(self, schema: pa.Schema) -> None:
        if doubled := sorted(repeated(schema.names)):
            raise ConfigError(f"the input has more than one column named {doubled[0]!r}. Give each its own name.")
        self._fields: dict[str, pa.Field[Any]] = {field.name: field for field in schema}
        self._reads: dict[str, tuple[str, ...]] = {name: (name,) for name in schema.names}
        self._private: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    @property
    def schema(self) -> pa.Schema:
        """The columns as they are now."""
        return pa.schema(list(self._fields.values()))

    @property
    def origins(self) -> Origins:
        """What each of the columns is made of."""
        reads = {name: self._reads[name] for name in self._fields}
        private = {name for name, read in reads.items() if not self._private.isdisjoint(read)}
        return Origins(reads, frozenset(private))

    @property
    def hidden(self) -> frozenset[str]:
        """Every name that a column to be masked, or what else is made of the same, has had in the chain."""
        return frozenset(name for name, read in self._reads.items() if not self._private.isdisjoint(read))

    def type_of(self, name: str, key: str = "field") -> pa.DataType:
        """The type of a column that must be there; of a dictionary-encoded one, the type of its values."""
        if name not in self._fields:
            raise self.missing(name, key)
        kind: Kind = self._fields[name].type
        plain: pa.DataType = kind.value_type if pa.types.is_dictionary(kind) else kind
        return plain

    def place_of(self, name: str, key: str = "field") -> int:
        """The place, from 0, of a column that must be there."""
        if name not in self._fields:
            raise self.missing(name, key)
        return list(self._fields).index(name)

    def text(self, name: str, key: str = "field") -> pa.DataType:
        """The type of a column that must be text."""
        kind = self.type_of(name, key)
        if not is_text(kind):
            raise wrong_type(name, kind, "text", key)
        return kind

    def put(self, name: str, kind: pa.DataType, reads: Iterable[str] | None = None) -> None:
        """Give the column this type, in its place; a new one comes last. What its metadata said holds no longer.

        `reads` are the columns, as they are now, that its values are made of; without them, its own.
        """
        read = (name,) if reads is None else reads
        self._reads[name] = tuple(dict.fromkeys(end for one in read for end in self._reads.get(one, ())))
        self._fields[name] = pa.field(name, kind)

    def hide(self, name: str) -> None:
        """The column's values are to be masked: neither it nor what else is made of the same is to be shown."""
        self._private.update(self._reads[name])

    def free(self, name: str, own: Iterable[str], key: str = "to") -> None:
        """The name must be new, or one of the operation's own fields."""
        if name in self._fields and name not in own:
            raise _taken(name, key)

    def remove(self, name: str, key: str = "field") -> None:
        """Take the column out."""
        self.type_of(name, key)
        del self._fields[name]

    def select(self, names: Iterable[str], key: str = "fields") -> None:
        """Keep these columns only, in this order."""
        for name in names:
            self.type_of(name, key)
        self._fields = {name: self._fields[name] for name in names}

    def rename(self, names: Mapping[str, str], keys: tuple[str, str] = ("from", "to")) -> None:
        """Give columns other names, all at once, so that two may change places."""
        for name in names:
            self.type_of(name, keys[0])
        taken: set[str] = set(self._fields) - set(names)
        for new in names.values():
            if new in taken:
                raise _taken(new, keys[1])
            taken.add(new)
        self._reads |= {new: self._reads[old] for old, new in names.items()}
        self._fields = {
            names.get(name, name): field.with_name(names.get(name, name)) for name, field in self._fields.items()
        }

    def missing(self, name: str, key: str) -> ConfigError:
        """The error of a column that is not there."""
        names = list(self._fields)
        shown = (*names[:_SHOWN], f"and {len(names) - _SHOWN} more") if len(names) > _SHOWN else tuple(names)
        same = next((known for known in names if known.casefold() == name.casefold()), None)
        hint = near(name, names) if same is None else f"Did you mean {same!r}?"
        return ConfigError(Problem(f"there is no column {name!r}", path=key, allowed=shown, hint=hint))


def wrong_type(name: str, kind: pa.DataType, wanted: str, key: str = "field") -> ConfigError:
    """The error of a column whose type an operation cannot work on."""
    return ConfigError(
        Problem(
            f"column {name!r} is {kind}, but {wanted} is needed", path=key, hint="convert_field gives it another type."
        )
    )


def _taken(name: str, key: str) -> ConfigError:
    hint = "Remove that one first, or choose another name."
    return ConfigError(Problem(f"there is already a column {name!r}", path=key, hint=hint))
