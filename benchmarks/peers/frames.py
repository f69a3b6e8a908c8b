"""pandas with to_sql by COPY, the way its documentation shows: python frames.py CSV URL TABLE."""

import csv
import io
import sys
from typing import Any

import pandas as pd
import sqlalchemy as sa


def copied(table: Any, connection: Any, keys: list[str], rows: Any) -> None:
    """The insertion method of pandas' documentation."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    names = ", ".join(keys)
    with connection.connection.cursor() as cursor, cursor.copy(f"copy {table.name} ({names}) from stdin csv") as copy:
        copy.write(buffer.getvalue())


def main(file: str, url: str, table: str) -> None:
    """In pieces, so that memory is bounded."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    dates = ["l_shipdate", "l_commitdate", "l_receiptdate"]
    with engine.begin() as connection:
        for piece in pd.read_csv(file, chunksize=100_000, parse_dates=dates):
            piece.to_sql(table, connection, if_exists="append", index=False, method=copied)


if __name__ == "__main__":
    main(*sys.argv[1:4])
