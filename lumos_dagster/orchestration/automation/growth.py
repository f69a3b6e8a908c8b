"""Whether the single value of a query has grown since a sensor looked last."""

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.accounting import Book
from lumos_dagster.config.model import SqlSensor
from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.interface import Deferred, Extraction
from lumos_dagster.values import RunContext


@dataclass(frozen=True)
class Growth:
    """The value now and the one before, as text, the cursor to keep, and why nothing is started."""

    grown: bool
    value: str
    previous: str
    cursor: str
    reason: str


def grown_value(sensor: SqlSensor, cursor: str | None, run: RunContext) -> Growth:
    """Ask the database. The first value that is seen is where growth begins; null is less than every value.

    The cursor never goes back, so that a value that shrinks and grows again starts nothing twice.
    Raises what the jdbc extractor raises, and DataError for more than one value.
    """
    value = _single(sensor, run)
    last = json.loads(cursor) if cursor else None
    now = {"value": _text(value), "type": str(value.type)}
    if last is None:
        return Growth(
            False, "", "", json.dumps(now), f"the first value seen is {now['value']}; a greater one starts a run"
        )
    if now["value"] is None or not _greater(value, last):
        return Growth(False, "", "", json.dumps(last), f"the value is {now['value']}, not greater than {last['value']}")
    return Growth(True, str(now["value"]), str(last["value"] or ""), json.dumps(now), "")


def _single(sensor: SqlSensor, run: RunContext) -> Any:
    from lumos_dagster.connectors.jdbc import JdbcExtractor

    options = {"connection_string": sensor.connection_string.get_secret_value(), "query": sensor.query}
    rows = 0
    found: Any = None
    with Extraction(Deferred("sensor", JdbcExtractor, options, run)).open(Book(run)) as reader:
        if len(reader.schema) != 1:
            raise DataError(f"the sensor's query gives {len(reader.schema)} columns; it must give one value")
        for batch in reader:
            rows += batch.num_rows
            found = batch.column(0)[0] if batch.num_rows and found is None else found
    if rows != 1:
        raise DataError(f"the sensor's query gives {rows} rows; it must give one value, as select max(..) does")
    return found


def _text(value: Any) -> str | None:
    """The value so that it can be read again exactly."""
    return None if not value.is_valid else str(value.cast(pa.string()).as_py())


def _greater(value: Any, last: dict[str, str | None]) -> bool:
    if last["value"] is None:
        return True
    try:
        return bool(pc.greater(value, pa.scalar(last["value"]).cast(value.type)).as_py())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ConfigError(
            f"the sensor's value is a {value.type} now and was {last['value']!r} ({last['type']}) before, "
            "which cannot be compared; reset the sensor's cursor"
        ) from None
