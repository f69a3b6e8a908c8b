"""Which values of documents are equal, and which come before others."""

from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.conversion import convert
from lumos_dagster.conversion.kinds import Array
from lumos_dagster.transforms.decimals import plain
from lumos_dagster.transforms.documents.grammar import Flags, Places
from lumos_dagster.transforms.documents.values import Documents, Is, ends_of
from lumos_dagster.transforms.series import to_arrow

EXACT = pa.decimal256(76, 38)
"""What numbers are calculated in: 37 digits before the point, one more where they are rounded up, and 38 behind it."""
_Direction: TypeAlias = Literal["ascending", "descending"]
_CANONICAL = "^(-?[1-9][0-9]*|0)$"
"""A whole number spelled the one way that others are brought to."""


def exact(documents: Documents, at: Places) -> Array:
    """Each number as a decimal; null for one of too many digits, and for all else."""
    return exactly(_numbers(documents, at))


def exactly(texts: Array) -> Array:
    """The texts as decimals; null where one is no number, or of too many digits."""
    return convert(texts, pa.decimal256(EXACT.precision - 1, EXACT.scale)).values.cast(EXACT)


def less(documents: Documents, left: Places, right: Places) -> Flags:
    """Whether each number or string on the left comes before the one on the right; false for all else.

    Numbers that differ by less than a float can tell and have more digits than are exact count as equal.
    """
    ahead, behind = (_numbers(documents, at).cast(pa.float64()) for at in (left, right))
    found = _flags(pc.less(ahead, behind))
    ties = _flags(pc.equal(ahead, behind))
    if ties.any():
        found[ties] = _flags(pc.less(exact(documents, left[ties]), exact(documents, right[ties])))
    strings = documents.are(left, Is.STRING) & documents.are(right, Is.STRING)
    if strings.any():
        found[strings] = _flags(pc.less(documents.text_of(left[strings]), documents.text_of(right[strings])))
    return found


def in_order(documents: Documents, at: Places, owners: Places, *, descending: bool = False) -> Places:
    """The places in `at` by owner, and for each by value: its numbers, or its strings; equal ones as they stand."""
    direction: _Direction = "descending" if descending else "ascending"
    values = {
        "float": _numbers(documents, at).cast(pa.float64()),
        "exact": exact(documents, at),
        "string": pc.if_else(pa.array(documents.are(at, Is.STRING)), documents.text_of(at), None),
    }
    table = pa.table({"owner": pa.array(owners), **values, "place": pa.array(np.arange(len(at)))})
    keys: list[tuple[str, _Direction]] = [
        ("owner", "ascending"),
        *((name, direction) for name in values),
        ("place", "ascending"),
    ]
    order: Places = pc.sort_indices(table, sort_keys=keys).to_numpy().astype(np.int64)
    return order


def classes(documents: Documents, at: Places) -> Places:
    """A number for each value, the same for equal ones: numbers by what they are worth, objects in any order."""
    found = np.zeros(len(at), dtype=np.int64)
    holding = documents.are(at, Is.LIST, Is.OBJECT)
    found[~holding] = 2 * _codes(_canonical(documents, at[~holding]))
    if holding.any():
        owners, places = documents.held(at[holding])
        keys = documents.keys[places]
        held = np.stack([keys, classes(documents, documents.members[places])], axis=1)[np.lexsort((keys, owners))]
        size = held.itemsize * held.shape[1]
        ends = ends_of(owners, int(holding.sum())) * size
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(held.tobytes())]
        whole = pa.Array.from_buffers(pa.large_binary(), len(ends) - 1, buffers)
        found[holding] = 4 * _codes(whole) + 2 * documents.are(at[holding], Is.OBJECT) + 1
    return found


def _canonical(documents: Documents, at: Places) -> Array:
    """Atoms as JSON, equal numbers alike if they are of so many digits as are exact."""
    texts = documents.json_of(at)
    odd = documents.are(at, Is.NUMBER) & ~_flags(pc.match_substring_regex(texts, _CANONICAL))
    if not odd.any():
        return texts
    some = texts.filter(pa.array(odd))
    alike = pc.coalesce(to_arrow(plain(exactly(some))).cast(some.type), some)
    return pc.replace_with_mask(texts, pa.array(odd), alike)


def _numbers(documents: Documents, at: Places) -> Array:
    """The numbers as JSON, null for all else."""
    return documents.atoms(at, documents.are(at, Is.NUMBER))


def _codes(texts: Array) -> Places:
    codes: Places = texts.dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes


def _flags(truths: Array) -> Flags:
    """Truth values, of which null is false."""
    flags: Flags = pc.fill_null(truths, False).to_numpy(zero_copy_only=False).copy()
    return flags
