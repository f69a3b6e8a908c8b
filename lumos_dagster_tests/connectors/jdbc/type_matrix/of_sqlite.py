"""SQLite's types: the names that it knows, those that it makes nothing of, and none at all."""

from lumos_dagster_tests.connectors.jdbc.type_matrix.natives import Native, Natives, quoted

_TEXTS = quoted("", " a ", 'it\'s "so", \\N', "日本語🙂", "a\nb", "NULL", "007")
_EXACT = ["0.5", "-12345678.25", "0"]
_MOMENTS = quoted("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "2026-03-04T05:06:07.000001")

SQLITE = Natives(
    "SQLite",
    as_text="typeof({0}) || ' ' || quote({0})",
    types=(
        Native("INTEGER", ["-9223372036854775808", "9223372036854775807", "0"], outside=[*quoted("one"), "1.5"]),
        Native("INT", ["1"]),
        Native("TINYINT", ["-128"]),
        Native("BIGINT", ["9223372036854775807"]),
        Native("UNSIGNED BIG INT", ["9223372036854775807"], outside=["18446744073709551615"]),
        Native("INT8", ["1"]),
        Native("BOOLEAN", ["true", "false"], outside=["2"]),
        Native("REAL", ["-1.7976931348623157e308", "5e-324", "0.1", "9e999", "-9e999", "1"], outside=quoted("one")),
        Native("DOUBLE PRECISION", ["0.1"]),
        Native("FLOAT", ["0.1"]),
        Native("NUMERIC", _EXACT),
        Native("NUMERIC(38,10)", [*_EXACT, "0.1"], outside=["0.00000000001"]),
        Native("DECIMAL(10,2)", [*_EXACT, "1.1"], outside=["0.125"]),
        Native("CHARACTER(20)", _TEXTS),
        Native("VARCHAR(5)", ["'longer than five'", *_TEXTS]),
        Native("NVARCHAR(100)", _TEXTS),
        Native("TEXT", _TEXTS),
        Native("CLOB", _TEXTS),
        Native("BLOB", ["x''", "x'00ff5c0a0d09227f80'", "'text'"]),
        Native("DATE", quoted("0001-01-01", "9999-12-31"), outside=["20000", "'yesterday'"]),
        Native("TIME", quoted("00:00:00", "23:59:59.999999", "05:06:07.000001"), outside=quoted("24:00")),
        Native("TIMESTAMP", _MOMENTS, outside=["1767225600", "'2026-01-01 00:00:00Z'"]),
        Native("DATETIME", _MOMENTS),
        Native("TIMESTAMPTZ", [f"{moment[:-1]}Z'" for moment in _MOMENTS]),
        Native("TIMESTAMP WITH TIME ZONE", [f"{moment[:-1]}Z'" for moment in _MOMENTS]),
        Native("JSON", quoted('{"a": 1}')),
        Native("UUID", quoted("ffffffff-ffff-ffff-ffff-ffffffffffff")),
        Native("STRING", quoted("a", "日本語")),
        Native("XML", quoted("<a/>")),
        Native("POINT", ["1"], outside=quoted("1 2")),
        Native("", quoted("a", "007", "")),
    ),
)
