"""Whether a cron line can be meant, told before Dagster sees it."""

import re

WORDS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_PART = re.compile(r"(?P<range>\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>\d+))?", re.ASCII)
_NTH_DAY = re.compile(r"(?P<day>\w+)#[1-5]|l(?P<last_day>\w+)", re.ASCII)


def cron_mistake(line: str) -> str:
    """What is wrong with a cron line of five fields, or "" where nothing is."""
    words = line.lower().split()
    if len(words) == 1 and words[0].startswith("@"):
        return "" if words[0] in WORDS else f"unknown word; allowed: {', '.join(WORDS)}"
    if len(words) != len(_FIELDS):
        return f"must have 5 fields (minute hour day month weekday), not {len(words)}"
    for position, text in enumerate(words):
        for part in text.split(","):
            if mistake := _part_mistake(part, position):
                return f"the {_FIELDS[position][0]} {text!r} {mistake}"
    if words[3] in ("2", "feb") and words[2] in ("30", "31"):
        return "February never has that day"
    return ""


def _part_mistake(part: str, position: int) -> str:
    if (part == "?" and position in (2, 4)) or (part == "l" and position == 2):
        return ""
    if position == 4 and (match := _NTH_DAY.fullmatch(part)):
        return _value_mistake(match["day"] or match["last_day"], position)
    match = _PART.fullmatch(part)
    if match is None:
        return "is not a number, a range, a list or a step"
    if match["step"] is not None and int(match["step"]) == 0:
        return "has a step of 0"
    for value in (match["first"], match["last"]):
        if value is not None and (mistake := _value_mistake(value, position)):
            return mistake
    return ""


def _value_mistake(text: str, position: int) -> str:
    _, low, high, names = _FIELDS[position]
    number = names.get(text, int(text) if text.isdigit() else -1)
    if low <= number <= high:
        return ""
    return f"must be from {low} to {high}" + (f" or {', '.join(names)}" if names else "")
