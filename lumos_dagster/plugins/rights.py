"""What a guest may reach: what its manifest asks, what the operator grants, what a job leaves."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import Texts
from lumos_dagster.plugins.guest import Limits, Rights
from lumos_dagster.strict import StrictModel

RIGHTS = tuple(field.name for field in fields(Rights))


class RightsAsked(StrictModel):
    """What a plugin asks to reach; `*` in an item stands for what the operator chooses."""

    net: Texts = ()
    """Servers, as host:port."""
    fs: Texts = ()
    """Folders to read; with `:rw` behind it, to change, too."""
    env: Texts = ()
    """Names of environment variables."""
    secrets: Texts = ()
    """Names of options whose values, though secret, it may see."""

    def rights(self) -> Rights:
        """The same, as drivers take it."""
        return Rights(self.net, self.fs, self.env, self.secrets)


def parse_grants(texts: Iterable[str]) -> Rights:
    """The rights that `net=host:port` and the like name. Raises ConfigError for every one that names none."""
    found: dict[str, list[str]] = {}
    problems = []
    for text in texts:
        right, _, value = text.partition("=")
        if right not in RIGHTS or not value:
            hint = "Write net=host:port, fs=folder, env=NAME or secrets=option."
            problems.append(Problem(f"--grant {text}: names no right", allowed=RIGHTS, hint=hint))
        else:
            found.setdefault(right, []).append(value)
    if problems:
        raise ConfigError(problems)
    return Rights(**{right: tuple(dict.fromkeys(values)) for right, values in found.items()})


def effective(asked: Rights, granted: Rights) -> Rights:
    """What is both asked and granted."""
    kept = {right: [item for item in items if _asked(item, right, asked)] for right, items in _items(granted)}
    return Rights(**{right: tuple(items) for right, items in kept.items()})


def _asked(item: str, right: str, asked: Rights) -> bool:
    """Whether the item is one of what is asked for; `*` stands for any text."""
    wishes = ("(.*)".join(map(re.escape, wish.split("*"))) for wish in getattr(asked, right))
    return any(re.fullmatch(wish, item) for wish in wishes)


def grant_problems(asked: Rights, granted: Rights) -> list[Problem]:
    """What is asked for but not granted, and what is granted though nobody asks for it."""
    problems = []
    for right in RIGHTS:
        wishes, items = getattr(asked, right), getattr(granted, right)
        for wish in wishes:
            if not any(_asked(item, right, Rights(**{right: (wish,)})) for item in items):
                example = wish if "*" not in wish else "host:port" if right == "net" else "NAME"
                hint = f"If you trust it, grant it: --grant {right}={example}"
                problems.append(Problem(f"the plugin asks for {right} {wish!r}, which is not granted", hint=hint))
        for item in items:
            if not _asked(item, right, asked):
                message = f"{right}={item} is granted, but the plugin does not ask for it"
                problems.append(Problem(message, allowed=tuple(wishes)))
    return problems


def narrowed(rights: Rights, left: Mapping[str, tuple[str, ...]]) -> Rights:
    """The rights with those that `left` names cut down to what it says; never more than they were."""
    return common(rights, replace(rights, **left))


def excess(rights: Rights, left: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """What `left` names beyond the rights, which a job file cannot give."""
    return [(right, item) for right, items in left.items() for item in items if item not in getattr(rights, right)]


def merged(rights: Rights, more: Rights) -> Rights:
    """Both together."""
    return Rights(**{right: tuple(dict.fromkeys((*items, *getattr(more, right)))) for right, items in _items(rights)})


def common(rights: Rights, other: Rights) -> Rights:
    """What is in both."""
    kept = {right: [item for item in items if item in getattr(other, right)] for right, items in _items(rights)}
    return Rights(**{right: tuple(items) for right, items in kept.items()})


def tighter(limits: Limits, other: Limits) -> Limits:
    """The smaller of each."""
    return Limits(
        **{field.name: min(getattr(limits, field.name), getattr(other, field.name)) for field in fields(Limits)}
    )


def _items(rights: Rights) -> Iterator[tuple[str, tuple[str, ...]]]:
    return ((right, getattr(rights, right)) for right in RIGHTS)
