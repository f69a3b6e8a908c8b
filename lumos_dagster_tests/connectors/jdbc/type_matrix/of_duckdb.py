"""DuckDB's types."""

from lumos_dagster_tests.connectors.jdbc.type_matrix.natives import Native, Natives, quoted

_TEXTS = quoted("", " a ", 'it\'s "so", \\N', "日本語🙂", "a\nb", "NULL", "007")
_FLOATS = ["'nan'", "'inf'", "'-inf'", "'-0.0'", "0.1"]
_MOMENTS = quoted("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2026-03-04 05:06:07.000001")

DUCKDB = Natives(
    "DuckDB",
    as_text="cast({0} as varchar)",
    types=(
        Native("BOOLEAN", ["true", "false"]),
        Native("TINYINT", ["-128", "127"]),
        Native("SMALLINT", ["-32768", "32767"]),
        Native("INTEGER", ["-2147483648", "2147483647"]),
        Native("BIGINT", ["-9223372036854775808", "9223372036854775807"]),
        Native("HUGEINT", ["-170141183460469231731687303715884105728", "170141183460469231731687303715884105727", "0"]),
        Native("UTINYINT", ["0", "255"]),
        Native("USMALLINT", ["65535"]),
        Native("UINTEGER", ["4294967295"]),
        Native("UBIGINT", ["18446744073709551615"]),
        Native("UHUGEINT", ["340282366920938463463374607431768211455"]),
        Native("BIGNUM", quoted("9" * 50, "-" + "9" * 50)),
        Native("FLOAT", [*_FLOATS, "3.4028235e38"]),
        Native("DOUBLE", [*_FLOATS, "1.7976931348623157e308", "5e-324"]),
        Native("DECIMAL(38,10)", ["9999999999999999999999999999.9999999999", "-0.0000000001"]),
        Native("DECIMAL(4,1)", ["-999.9", "0"]),
        Native("VARCHAR", _TEXTS),
        Native("BLOB", ["''", r"'\x00\xff\x5c\x0a\x0d\x09\x22\x7f\x80'"]),
        Native("BIT", quoted("0", "1", "10101010101")),
        Native(
            "DATE", quoted("0001-01-01", "9999-12-31"), outside=quoted("infinity", "10000-01-01", "0044-03-15 (BC)")
        ),
        Native("TIME", quoted("00:00:00", "23:59:59.999999", "05:06:07.000001")),
        Native("TIME WITH TIME ZONE", quoted("05:06:07.000001+05:30", "00:00:00-15:59")),
        Native("TIMESTAMP", _MOMENTS, outside=quoted("infinity", "-infinity", "10000-01-01 00:00:00")),
        Native("TIMESTAMP_S", quoted("0001-01-01 00:00:00", "9999-12-31 23:59:59")),
        Native("TIMESTAMP_MS", quoted("0001-01-01 00:00:00.001", "9999-12-31 23:59:59.999")),
        Native("TIMESTAMP_NS", quoted("1700-01-01 00:00:00.000000001", "2262-01-01 23:59:59.999999999")),
        Native("TIMESTAMP WITH TIME ZONE", [f"{moment[:-1]}+00'" for moment in _MOMENTS], outside=quoted("infinity")),
        Native("INTERVAL", quoted("1 year 2 months -3 days 04:05:06.000007", "00:00:00", "-1 day")),
        Native("UUID", quoted("ffffffff-ffff-ffff-ffff-ffffffffffff")),
        Native("JSON", quoted('{"a": [1,  null]}', '"x"', "null")),
        Native("ENUM ('so so', 'a,b')", quoted("so so", "a,b")),
        Native("INTEGER[]", ["[1, null, -3]", "[]"]),
        Native("VARCHAR[]", ["['a', '', null, 'q\"']", "[]"]),
        Native("DATE[]", ["[date '2026-01-01', null]"]),
        Native("STRUCT(a INTEGER, b VARCHAR)", ["{'a': 1, 'b': 'x'}"]),
        Native("MAP(VARCHAR, INTEGER)", ["map {'k': 1}"]),
    ),
)
