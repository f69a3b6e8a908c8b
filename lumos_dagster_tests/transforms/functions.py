"""Functions as users write them for the `python` transformer."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

CALLS: list[int] = []
"""The number of rows of each call of `counted`."""


def doubled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(double=rows["x"] * 2)[rows["x"] > 1]


def arrow_doubled(rows: pa.Table) -> pa.Table:
    return rows.append_column("double", pc.multiply(rows["x"], pa.scalar(2)))


def unannotated(rows):  # type: ignore[no-untyped-def]
    return rows if isinstance(rows, pa.Table) else rows.assign(frame=True)


def counted(rows: pa.Table) -> pa.Table:
    CALLS.append(rows.num_rows)
    return rows


def nothing(rows: pd.DataFrame) -> None:
    return None


def broken(rows: pd.DataFrame) -> pd.DataFrame:
    if (rows["x"] == 4).any():
        raise KeyError("no such thing")
    return rows


def drifting(rows: pa.Table) -> pa.Table:
    return rows if rows["x"][0].as_py() == 1 else rows.rename_columns(["y"])


def often_null(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(note=[None if x < 3 else "late" for x in rows["x"]])


def twice(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows])


def doubled_name(rows: pa.Table) -> pa.Table:
    return rows.append_column("x", rows["x"])


def doubled_frame(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows], axis=1)


def indexed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(n=1).groupby("x").sum()


def without_columns(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[[]]


def leaving(rows: pd.DataFrame) -> pd.DataFrame:
    raise SystemExit(3)


NOT_A_FUNCTION = 1
