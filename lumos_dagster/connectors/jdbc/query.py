"""The user's query as text: where its parameters stand, and where it ends."""

import re
from collections.abc import Callable, Iterable

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.problems import near

TOKEN = re.compile(
    r"""
      \b[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"   # texts and quoted names
    | (?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)                     # $$ texts $$
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?<![\w:]):(?P<name>[A-Za-z_]\w*)                             # but no cast, and no 12:30
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)


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
