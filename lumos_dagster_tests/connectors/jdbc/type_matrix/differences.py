"""Where a value comes back as another one, and why that is so: declared, and no longer true once it is mended."""

from collections.abc import Mapping

_MINUS_ZERO = "MariaDB keeps no minus zero"
_NAN = "SQLite makes NaN a null, which is counted and told, and keeps no minus zero"
_SPACING = "the list is kept as jsonb, which spaces its text its own way"

ITSELF = "itself"
"""The target that is a table of the source's own DDL."""

DIFFERENCES: Mapping[tuple[str, str, str], str] = {
    ("postgresql", "real", "mariadb"): _MINUS_ZERO,
    ("postgresql", "double precision", "mariadb"): _MINUS_ZERO,
    ("postgresql", "real", "sqlite"): _NAN,
    ("postgresql", "double precision", "sqlite"): _NAN,
    ("duckdb", "FLOAT", "mariadb"): _MINUS_ZERO,
    ("duckdb", "DOUBLE", "mariadb"): _MINUS_ZERO,
    ("duckdb", "FLOAT", "sqlite"): _NAN,
    ("duckdb", "DOUBLE", "sqlite"): _NAN,
    ("duckdb", "INTEGER[]", "postgresql"): _SPACING,
    ("duckdb", "VARCHAR[]", "postgresql"): _SPACING,
    ("sqlite", "BLOB", ITSELF): "text in a BLOB column is read as its bytes, and kept as such",
}
"""(source, type, target) -> the reason."""
