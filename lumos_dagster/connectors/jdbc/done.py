"""What a committed load came to, as the ledger keeps it: enough to account for it again without its target."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Count
from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.connectors.jdbc.fitting import Fit
from lumos_dagster.interface import LoadResult


@dataclass(frozen=True)
class Done:
    """A committed load: its result, its bad rows, and how it saw the table, which may have changed since.

    `refused` are the rows, by number, that the database itself refused, with its reasons; `upto` is the number of
    the input's row up to which a load by batches of `batch_rows` has come, None where it has come to its end.
    """

    result: LoadResult
    refused: dict[int, str] = field(default_factory=dict)
    fits: Sequence[Fit] = ()
    rejected: int = 0
    skipped: int = 0
    nulled: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    upto: int | None = None
    batch_rows: int | None = None

    def and_then(self, batch: "Done", upto: int) -> "Done":
        """With one batch more, which reaches to that row of the input."""
        sums = {name: value + getattr(batch.result, name) for name, value in asdict(self.result).items()}
        return replace(self, result=LoadResult(**sums), refused=self.refused | batch.refused, upto=upto)

    def counted(self, count: Count) -> "Done":
        """With the bad rows and notes that the load has counted."""
        return replace(
            self, rejected=count.rejected, skipped=count.skipped, nulled=count.nulled, notes=dict(count.notes)
        )

    def give(self, count: Count) -> None:
        """Make the load's own counts those of this attempt, which wrote nothing."""
        result = self.result
        count.rejected, count.skipped, count.nulled = self.rejected, self.skipped, self.nulled
        count.notes.update(self.notes)
        loaded = result.inserted + result.updated + result.unchanged
        count.rows_in = loaded + result.merged + result.unmatched + self.rejected + self.skipped

    def to_json(self) -> str:
        """As the ledger keeps it."""
        columns = [fit.column for fit in self.fits]
        told = {
            "result": asdict(self.result),
            "refused": self.refused,
            "types": _types_to_text([column.type for column in columns]),
            "stored": _types_to_text([column.stored or pa.null() for column in columns]),
            "fits": [{**vars(fit), "column": {**vars(fit.column), "type": None, "stored": None}} for fit in self.fits],
        }
        return json.dumps(
            told
            | {name: getattr(self, name) for name in ("rejected", "skipped", "nulled", "notes", "upto", "batch_rows")}
        )

    @classmethod
    def from_json(cls, text: str) -> "Done":
        """What `to_json` gave."""
        told: dict[str, Any] = json.loads(text)
        types = zip(_types_from_text(told.pop("types")), _types_from_text(told.pop("stored")), strict=True)
        fits = [
            Fit(
                **{
                    **fit,
                    "column": Column(
                        **{**fit["column"], "type": kind, "stored": None if stored == pa.null() else stored}
                    ),
                }
            )
            for fit, (kind, stored) in zip(told.pop("fits"), types, strict=True)
        ]
        refused = {int(number): reason for number, reason in told.pop("refused").items()}
        return cls(**{**told, "result": LoadResult(**told["result"]), "refused": refused, "fits": fits})


def _types_to_text(types: Sequence[pa.DataType]) -> str:
    return base64.b64encode(pa.schema([("", kind) for kind in types]).serialize()).decode()


def _types_from_text(text: str) -> list[pa.DataType]:
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text))).types
