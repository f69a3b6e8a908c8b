"""Which values were there before, over a whole stream, by 128 bits of hash for each."""

from typing import Any

import numpy as np
import polars as pl

_SEEDS = 0x6C756D6F73, 0x64616773746572
_Keys = tuple["np.ndarray[Any, np.dtype[np.uint64]]", "np.ndarray[Any, np.dtype[np.uint64]]"]


class Seen:
    """Remembers 16 bytes of each distinct value, in sorted runs that are merged as they grow."""

    def __init__(self) -> None:
        self._runs: list[_Keys] = []

    def again(self, values: pl.Series) -> pl.Series:
        """True where the value was there before, in an earlier call or earlier in this one; false for null."""
        first, second = (values.hash(seed) for seed in _SEEDS)
        keys = pl.DataFrame({"first": first, "second": second})
        again: pl.Series = (
            ~keys.select(pl.struct(pl.all()).is_first_distinct()).to_series()
            | self._known(first.to_numpy(), second.to_numpy())
        ) & values.is_not_null()
        new = keys.filter(~again & values.is_not_null()).sort("first")
        self._add((new["first"].to_numpy(), new["second"].to_numpy()))
        return again

    def _known(self, first: Any, second: Any) -> pl.Series:
        known = np.zeros(len(first), dtype=np.bool_)
        for firsts, seconds in self._runs:
            places = np.minimum(np.searchsorted(firsts, first), len(firsts) - 1)
            known |= (firsts[places] == first) & (seconds[places] == second)
        return pl.Series(known)

    def _add(self, run: _Keys) -> None:
        """Runs at least double in size from the last to the first, so that each key is merged a few times only."""
        if not len(run[0]):
            return
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            firsts, seconds = (np.concatenate(pair) for pair in zip(self._runs.pop(), run, strict=True))
            order = np.argsort(firsts, kind="stable")
            run = firsts[order], seconds[order]
        self._runs.append(run)
