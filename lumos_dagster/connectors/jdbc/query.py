"""The user's query as text: where its parameters stand, and where it ends."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lumos_dagster.errors import ConfigError, DataError, Problem
from lumos_dagster.problems import near, repeated

TOKEN = re.compile(
    r"""
      \b[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"   # texts and quoted names
    | (?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)                     # $$ texts $$
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?<![\w:]):(?P<name>[A-Za-z_]\w*)                             # but no cast, and no 12:30
    | (?P<mark>\?\??)
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)

_IN = re.compile(r"\bin\s*\(\s*$", re.IGNORECASE)
_CLOSED = re.compile(r"\s*\)")


def check_once(columns: Iterable[str]) -> None:
    """DataError where a query gives a column more than once."""
    if twice := sorted(repeated(columns)):
        raise DataError(f"the query gives the column {', '.join(twice)} more than once; name each by AS")


def named(query: str, parameters: Mapping[str, Any] | Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """The query and its values, each by a name: those of its `?` in order, and each item of a list in `IN (..)`.

    ConfigError where there are not as many values as `?`, or where a list for IN is empty.
    """
    if not isinstance(parameters, Mapping):
        query, parameters = _numbered(query, parameters)
    values = dict(parameters)
    items: dict[str, Any] = {}
    spread: set[str] = set()
    whole: set[str] = set()

    def spelled(match: re.Match[str]) -> str:
        name = match["name"]
        if not isinstance(values.get(name), list | tuple):
            return match[0]
        if not (_IN.search(query, 0, match.start()) and _CLOSED.match(query, match.end())):
            whole.add(name)
            return match[0]
        if not values[name]:
            raise ConfigError(Problem(f"parameters: {name!r} is an empty list, which IN cannot take"))
        spread.add(name)
        found = {f"lumos_{name}_{number}": value for number, value in enumerate(values[name], 1)}
        items.update(found)
        return ", ".join(f":{item}" for item in found)

    query = TOKEN.sub(spelled, query)
    return query, {name: value for name, value in values.items() if name not in spread - whole} | items


def _numbered(query: str, values: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """The query with a name in place of each `?`; `??` is one that stands for no value, as in JDBC."""
    names: list[str] = []

    def spelled(match: re.Match[str]) -> str:
        if match["mark"] != "?":
            return "?" if match["mark"] else match[0]
        names.append(f"lumos_value_{len(names) + 1}")
        return f":{names[-1]}"

    query = TOKEN.sub(spelled, query)
    if len(names) != len(values):
        raise ConfigError(Problem(f"parameters: the query has {len(names)} ?, but parameters has {len(values)} values"))
    return query, dict(zip(names, values, strict=True))


def trimmed(query: str) -> str:
    """The query without the semicolon that ends it and the comments after that."""
    cut = None
    position = 0
    for match in TOKEN.finditer(query):
        if query[position : match.start()].strip():
            cut = None
        if match["end"]:
            cut = match.start() if cut is None else cut
        elif not match["comment"]:
            cut = None
        position = match.end()
    return query if cut is None or query[position:].strip() else query[:cut]


def with_values(query: str, known: Iterable[str], spelled: Callable[[str], str]) -> str:
    """The query with each `:name` in place of which stands what `spelled` gives. ConfigError where names disagree."""
    names = list(known)
    found = {match["name"] for match in TOKEN.finditer(query) if match["name"]}
    if names or found:
        problems = [
            Problem(f"parameters: the query has :{name}, but parameters has no {name!r}", hint=near(name, names))
            for name in sorted(found - set(names))
        ]
        problems += [
            Problem(f"parameters: {name!r} is not in the query", hint=near(name, found))
            for name in names
            if name not in found
        ]
        if problems:
            raise ConfigError(problems)
    return TOKEN.sub(lambda match: spelled(match["name"]) if match["name"] else match[0], query)


_DIALECTS = {"sqlserver": "tsql"}


def tables_of(query: str, technology: str) -> list[tuple[str | None, str]]:
    """Schema and name of each table that a query reads; none where the query is not understood."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(query, read=_DIALECTS.get(technology, technology))
    except sqlglot.errors.SqlglotError:
        return []
    own = {common.alias for common in tree.find_all(exp.CTE)}
    tables = [table for table in tree.find_all(exp.Table) if table.name and (table.db or table.name not in own)]
    return list(dict.fromkeys((table.db or None, table.name) for table in tables))
