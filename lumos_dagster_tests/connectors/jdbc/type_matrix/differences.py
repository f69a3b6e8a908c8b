"""Where a value comes back as another one, and why that is so: declared, and no longer true once it is mended."""

from collections.abc import Mapping

_MINUS_ZERO = "MariaDB keeps no minus zero"
_NAN = "SQLite makes NaN a null, which is counted and told, and keeps no minus zero"
_INSTANT = "the instant is kept, in UTC, but in a datetime, as a TIMESTAMP of MariaDB's ends in 2038; it is read without its zone"

ITSELF = "itself"
"""The target that is a table of the source's own DDL."""

DIFFERENCES: Mapping[tuple[str, str, str], str] = {
    ("postgresql", "real", "mariadb"): _MINUS_ZERO,
    ("postgresql", "double precision", "mariadb"): _MINUS_ZERO,
    ("postgresql", "real", "sqlite"): _NAN,
    ("postgresql", "double precision", "sqlite"): _NAN,
    ("postgresql", "timestamp with time zone", "mariadb"): _INSTANT,
    ("postgresql", "timestamp(3) with time zone", "mariadb"): _INSTANT,
    ("mariadb", "timestamp", "mariadb"): _INSTANT,
    ("mariadb", "timestamp(6)", "mariadb"): _INSTANT,
    ("sqlite", "TIMESTAMPTZ", "mariadb"): _INSTANT,
    ("sqlite", "TIMESTAMP WITH TIME ZONE", "mariadb"): _INSTANT,
    ("sqlite", "BLOB", ITSELF): "text in a BLOB column is read as its bytes, and kept as such",
}
"""(source, type, target) -> the reason."""
