"""The functions of JMESPath (https://jmespath.org/specification.html#built-in-functions), in many documents at once.

Numbers are calculated exactly.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.conversion.kinds import Array
from lumos_dagster.transforms.decimals import ceil, floor
from lumos_dagster.transforms.documents.arguments import KINDS, Call, Reference, alike, fit
from lumos_dagster.transforms.documents.comparing import EXACT, classes, exactly, in_order
from lumos_dagster.transforms.documents.grammar import Flags, Places
from lumos_dagster.transforms.documents.values import FALSE, NULL, TRUE, Documents, Is, joined_by
from lumos_dagster.transforms.series import to_arrow

_TOO_LARGE = 10.0 ** (EXACT.precision - EXACT.scale)


def _truths(flags: Flags) -> Places:
    return np.where(flags, TRUE, FALSE)


def _each_number(on: Call, at: Places, change: Callable[[Array], Array]) -> Places:
    return on.documents.numbers(change(on.numbers(at)))


def _of_lists(on: Call, lists: Places, aggregate: Literal["sum", "mean"]) -> Array:
    """An aggregate of the numbers of each list; null for an empty one. A sum of too many digits is refused."""
    owners, members = on.documents.contents(lists)
    values = on.numbers(members, owners)
    sizes = pc.fill_null(pc.abs(values).cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
    on.refuse(np.bincount(owners, sizes, minlength=len(lists)) >= _TOO_LARGE)
    table = pa.table({"owner": pa.array(owners), "value": values})
    found = table.group_by("owner").aggregate([("value", aggregate)])
    places = pc.index_in(pa.array(np.arange(len(lists))), found["owner"].combine_chunks())
    return found[f"value_{aggregate}"].combine_chunks().take(places)


def _avg(on: Call, lists: Places) -> Places:
    return on.documents.numbers(_of_lists(on, lists, "mean"))


def _sum(on: Call, lists: Places) -> Places:
    return on.documents.numbers(pc.fill_null(_of_lists(on, lists, "sum"), pa.scalar(0).cast(EXACT)))


def _contains(on: Call, wholes: Places, parts: Places) -> Places:
    documents = on.documents
    found = np.zeros(len(wholes), dtype=np.bool_)
    lists = documents.are(wholes, Is.LIST)
    owners, members = documents.contents(wholes[lists])
    both = classes(documents, np.concatenate([members, parts[lists]]))
    equal = both[: len(members)] == both[len(members) :][owners]
    found[lists] = np.bincount(owners[equal], minlength=lists.sum()) > 0
    on.refuse(~lists & ~documents.are(parts, Is.STRING))
    strings = ~lists & documents.are(parts, Is.STRING)
    within = pl.col("left").str.contains(pl.col("right"), literal=True)
    found[strings] = _of_strings(documents, wholes[strings], parts[strings], within)
    return _truths(found)


def _length(on: Call, at: Places) -> Places:
    documents = on.documents
    owners, _ = documents.held(at)
    sizes = np.bincount(owners, minlength=len(at))
    strings = documents.are(at, Is.STRING)
    lengths: Array = pc.utf8_length(documents.text_of(at[strings]))
    sizes[strings] = lengths.to_numpy(zero_copy_only=False)
    return documents.numbers(pa.array(sizes).cast(EXACT))


def _of_strings(documents: Documents, left: Places, right: Places, holds: pl.Expr) -> Flags:
    """Whether an expression over `left` and `right` holds for strings."""
    pairs = {"left": documents.text_of(left), "right": documents.text_of(right)}
    return pl.DataFrame(pl.from_arrow(pa.table(pairs))).select(holds).to_series().to_numpy()


def _strings(on: Call, wholes: Places, parts: Places, holds: pl.Expr) -> Places:
    return _truths(_of_strings(on.documents, wholes, parts, holds))


def _reverse(on: Call, at: Places) -> Places:
    documents = on.documents
    found = np.zeros(len(at), dtype=np.int64)
    lists = documents.are(at, Is.LIST)
    owners, members = documents.contents(at[lists])
    found[lists] = documents.lists(lists.sum(), owners[::-1], members[::-1])
    backwards: Array = pl.Series(pl.from_arrow(documents.text_of(at[~lists]))).str.reverse()
    found[~lists] = documents.strings(to_arrow(backwards).cast(pa.string()))
    return found


def _join(on: Call, glue: Places, lists: Places) -> Places:
    documents = on.documents
    owners, members = documents.contents(lists)
    return documents.strings(joined_by(documents.text_of(glue), documents.text_of(members), owners, len(lists)))


def _keys(on: Call, objects: Places) -> Places:
    documents = on.documents
    owners, places = documents.held(objects)
    names = documents.names.take(pa.array(documents.keys[places]))
    return documents.lists(len(objects), owners, documents.strings(names))


def _values(on: Call, objects: Places) -> Places:
    return on.documents.lists(len(objects), *on.documents.contents(objects))


def _merge(on: Call, *objects: Places) -> Places:
    documents = on.documents
    owners, places = (np.concatenate(parts) for parts in zip(*map(documents.held, objects), strict=True))
    return documents.objects(len(on.rows), owners, documents.members[places], documents.keys[places])


def _map(on: Call, reference: Reference, lists: Places) -> Places:
    owners, members = on.documents.contents(lists)
    return on.documents.lists(len(lists), owners, reference(members, on.rows[owners]))


def _by(
    on: Call, lists: Places, reference: Reference | None, *, descending: bool = False
) -> tuple[Places, Places, Places]:
    """Owners and members of the lists, and the order by what an expression gives: all numbers or all strings."""
    owners, members = on.documents.contents(lists)
    keys = reference(members, on.rows[owners]) if reference else members
    on.refuse(~alike(on.documents, len(lists), owners, keys, ("number", "string")))
    return owners, members, in_order(on.documents, keys, owners, descending=descending)


def _sort(on: Call, lists: Places, reference: Reference | None = None) -> Places:
    owners, members, order = _by(on, lists, reference)
    return on.documents.lists(len(lists), owners[order], members[order])


def _first(on: Call, lists: Places, reference: Reference | None = None, *, descending: bool) -> Places:
    """The first member in order; null where there is none."""
    owners, members, order = _by(on, lists, reference, descending=descending)
    found = np.full(len(lists), NULL)
    backwards = order[::-1]
    found[owners[backwards]] = members[backwards]
    return found


def _not_null(on: Call, *values: Places) -> Places:
    found = values[0]
    for value in values[1:]:
        found = np.where(on.documents.are(found, Is.NULL), value, found)
    return found


def _to_array(on: Call, at: Places) -> Places:
    found = at.copy()
    other = ~on.documents.are(at, Is.LIST)
    alone = at[other]
    found[other] = on.documents.lists(len(alone), np.arange(len(alone)), alone)
    return found


def _to_number(on: Call, at: Places) -> Places:
    documents = on.documents
    found = np.where(documents.are(at, Is.NUMBER), at, NULL)
    strings = documents.are(at, Is.STRING)
    found[strings] = documents.numbers(exactly(documents.text_of(at[strings])))
    return found


def _to_string(on: Call, at: Places) -> Places:
    documents = on.documents
    found = at.copy()
    other = ~documents.are(at, Is.STRING)
    found[other] = documents.strings(documents.json_of(at[other]))
    return found


def _type(on: Call, at: Places) -> Places:
    names: Array = pa.array([next(name for name, kinds in KINDS.items() if kind in kinds) for kind in Is])
    return on.documents.strings(names.take(pa.array(on.documents.kinds[at])))


_FUNCTIONS: dict[str, Callable[..., Places]] = {
    "abs": partial(_each_number, change=pc.abs),
    "avg": _avg,
    "ceil": partial(_each_number, change=ceil),
    "contains": _contains,
    "ends_with": partial(_strings, holds=pl.col("left").str.ends_with(pl.col("right"))),
    "floor": partial(_each_number, change=floor),
    "join": _join,
    "keys": _keys,
    "length": _length,
    "map": _map,
    "max": partial(_first, descending=True),
    "max_by": partial(_first, descending=True),
    "merge": _merge,
    "min": partial(_first, descending=False),
    "min_by": partial(_first, descending=False),
    "not_null": _not_null,
    "reverse": _reverse,
    "sort": _sort,
    "sort_by": _sort,
    "starts_with": partial(_strings, holds=pl.col("left").str.starts_with(pl.col("right"))),
    "sum": _sum,
    "to_array": _to_array,
    "to_number": _to_number,
    "to_string": _to_string,
    "type": _type,
    "values": _values,
}


def call(name: str, documents: Documents, arguments: Sequence[Places | Reference], rows: Places, bad: Flags) -> Places:
    """What the function gives for each of the arguments' values; null where one does not fit, whose text is marked."""
    fits = np.ones(len(rows), dtype=np.bool_)
    for place, argument in enumerate(arguments):
        if not callable(argument):
            fits &= fit(documents, name, place, argument)
    bad[rows[~fits]] = True
    found = np.zeros(len(rows), dtype=np.int64)
    if fits.any():
        some = [argument if callable(argument) else argument[fits] for argument in arguments]
        found[fits] = _FUNCTIONS[name](Call(documents, rows[fits], bad), *some)
    return found
