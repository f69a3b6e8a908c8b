"""What the functions of JMESPath are called on, and whether they can be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jmespath.functions import Functions

from lumos_dagster.conversion.kinds import Array
from lumos_dagster.problems import near
from lumos_dagster.transforms.documents.comparing import exact
from lumos_dagster.transforms.documents.grammar import Flags, Places
from lumos_dagster.transforms.documents.values import Documents, Is

Reference: TypeAlias = Callable[[Places, Places], Places]
"""What an expression, `&name`, gives for each value, of which the second tells the text."""

KINDS = {
    "null": (Is.NULL,), "boolean": (Is.FALSE, Is.TRUE), "number": (Is.NUMBER,), "string": (Is.STRING,),
    "array": (Is.LIST,), "object": (Is.OBJECT,),
}  # fmt: skip
_SIGNATURES = {name: function["signature"] for name, function in Functions.FUNCTION_TABLE.items()}


@dataclass(frozen=True)
class Call:
    """What a function is called on: one value of each argument for each of `rows`, the texts they are of."""

    documents: Documents
    rows: Places
    bad: Flags
    """Marks the texts in which a function cannot take a value."""

    def refuse(self, which: Flags) -> None:
        """Mark the texts of these values."""
        self.bad[self.rows[which]] = True

    def numbers(self, at: Places, owners: Places | None = None) -> Array:
        """The numbers, exactly; one of more digits is refused, for its owner where there are several to one."""
        found = exact(self.documents, at)
        missing = np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))
        self.bad[self.rows[missing if owners is None else owners[missing]]] = True
        return found


def why_no_call(name: str, references: Sequence[bool]) -> str | None:
    """Why there is no such call, given which arguments are expressions; None where there is one."""
    if name not in _SIGNATURES:
        return f"there is no function {name!r}; there are {', '.join(sorted(_SIGNATURES))}. {near(name, _SIGNATURES)}"
    signature = _SIGNATURES[name]
    variadic = signature[-1].get("variadic", False)
    if len(references) < len(signature) or (len(references) > len(signature) and not variadic):
        many = "or more " if variadic else ""
        return f"{name} takes {len(signature)} {many}argument{'s' if len(signature) > 1 else ''}, not {len(references)}"
    for place, given in enumerate(references):
        if given != ("expref" in _types(name, place)):
            what = "an expression with & before it" if not given else "a value, not an expression with & before it"
            return f"argument {place + 1} of {name} must be {what}"
    return None


def fit(documents: Documents, name: str, place: int, at: Places) -> Flags:
    """Which values the function takes at this place: those of its types, such as `number` or `array-number`."""
    types = _types(name, place)
    if not types:
        return np.ones(len(at), dtype=np.bool_)
    wholes = [kind for one in types if "-" not in one for kind in KINDS[one]]
    fits = documents.are(at, *wholes)
    of_items = [one.removeprefix("array-") for one in types if "-" in one]
    if of_items:
        lists = documents.are(at, Is.LIST)
        fits[lists] = alike(documents, int(lists.sum()), *documents.contents(at[lists]), of_items)
    return fits


def alike(documents: Documents, how_many: int, owners: Places, members: Places, types: Sequence[str]) -> Flags:
    """Which owners' members are all of one of the types."""
    sizes = np.bincount(owners, minlength=how_many)
    fits = np.zeros(how_many, dtype=np.bool_)
    for name in types:
        fits |= np.bincount(owners[documents.are(members, *KINDS[name])], minlength=how_many) == sizes
    return fits


def _types(name: str, place: int) -> Sequence[str]:
    """The types that a function takes at a place; of more arguments than it names, those of its last."""
    signature = _SIGNATURES[name]
    types: Sequence[str] = signature[min(place, len(signature) - 1)]["types"]
    return types
