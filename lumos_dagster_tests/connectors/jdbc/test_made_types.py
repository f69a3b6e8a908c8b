"""Columns that are made in SQL Server and Oracle, neither of which was to be had."""

import pyarrow as pa
import pytest

from lumos_dagster.connectors.jdbc.oracle import ORACLE
from lumos_dagster.connectors.jdbc.sqlserver import SQLSERVER


def test_types_that_are_made_in_sqlserver() -> None:
    kinds = {
        pa.bool_(): "bit", pa.int64(): "bigint", pa.uint64(): "decimal(20,0)", pa.decimal128(38, 10): "decimal(38,10)",
        pa.timestamp("us", "UTC"): "datetimeoffset(6)", pa.timestamp("us"): "datetime2(6)", pa.string(): "nvarchar(max)",
        pa.binary(): "varbinary(max)", pa.float64(): "float(53)", pa.time64("us"): "time(6)",
    }  # fmt: skip
    assert {kind: SQLSERVER.sql_type(kind) for kind in kinds} == kinds
    with pytest.raises(ValueError, match="no column type"):
        SQLSERVER.sql_type(pa.decimal256(50, 2))


def test_types_that_are_made_in_oracle() -> None:
    kinds = {
        pa.bool_(): "NUMBER(1)", pa.int64(): "NUMBER(19)", pa.decimal128(38, 10): "NUMBER(38,10)",
        pa.timestamp("us", "UTC"): "TIMESTAMP(6) WITH TIME ZONE", pa.timestamp("us"): "TIMESTAMP(6)",
        pa.string(): "CLOB", pa.binary(): "BLOB", pa.float64(): "BINARY_DOUBLE", pa.date32(): "DATE",
    }  # fmt: skip
    assert {kind: ORACLE.sql_type(kind) for kind in kinds} == kinds
    with pytest.raises(ValueError, match="no column type"):
        ORACLE.sql_type(pa.time64("us"))
