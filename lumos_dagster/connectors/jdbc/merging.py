"""PostgreSQL's MERGE, which brings in an upsert faster than ON CONFLICT, where a table takes it."""

from functools import partial
from typing import Any

from lumos_dagster.connectors.jdbc.database import AtOnce
from lumos_dagster.connectors.jdbc.forms import WHEN_MISSING, WHEN_THERE

_SINCE = 150000
_FORM = "MERGE INTO {target} USING {staged} ON {same_key}" + WHEN_THERE + WHEN_MISSING
_TAKES_IT = """
    select (c.relkind = 'p' or c.relkind = 'r' and not c.relhassubclass) and not c.relhasrules
    and not exists (select 1 from pg_trigger where tgrelid = c.oid and not tgisinternal) and not exists (
        select 1 from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) like 'nextval(%%')),
    c.oid, c.relkind = 'r' and current_setting('track_counts')::bool
    from pg_class c where c.oid = to_regclass(%s)"""
_INSERTED = "select n_tup_ins from pg_stat_xact_user_tables where relid = %s"


def merge(raw: Any, table: str) -> AtOnce | None:
    """How MERGE brings rows into a table (quoted name); None where it cannot, or would number them in no order."""
    if raw.info.server_version < _SINCE:
        return None
    takes_it, number, is_counted = raw.execute(_TAKES_IT, (table,)).fetchone()
    return AtOnce(_FORM, partial(_inserted, raw, number) if is_counted else None) if takes_it else None


def _inserted(raw: Any, number: int) -> int:
    """Of the transaction, into a table that is no partitioned one: those of partitions are counted by themselves.

    Source: https://www.postgresql.org/docs/current/monitoring-stats.html, pg_stat_xact_user_tables.
    """
    (inserted,) = raw.execute(_INSERTED, (number,)).fetchone()
    return int(inserted)
