"""How a value of PostgreSQL must be spelled that travels as text, so that the server does not change it in silence."""

import re

_ARROW_DIGITS = 38
_MOST_REPEATED = 250
"""Of what a pattern may count before it becomes too large."""

_UUID = r"({U}|\{{U}\})".replace("{U}", "[0-9a-f]{4}(-?[0-9a-f]{4}){7}")
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|NaN|[+-]?inf(inity)?"
_ONE_BYTE = r"[\x00-\x7f]?|\\[0-7]{3}"
# Digits behind a point at the end are cut to cents; what else a point means is up to lc_monetary.
_MONEY = r"[^.]*|.*\.\d{0,2}0*[^\d.]*|.*\..*,[^.]*"
_SCALED = re.compile(r"numeric\((\d+),(-?\d+)\)")
_LIMITED = re.compile(r"character(?P<varying> varying)?\((?P<most>\d+)\)")
_MOMENT = re.compile(
    r"(?P<name>time|timestamp|interval(?: day| hour| minute)?(?: to)?(?: second)?)"
    r"(?:\((?P<digits>\d)\))?(?P<zone> with(?:out)? time zone)?"
)
_UNITS = {
    "year": ("Y", "", "years?"), "month": ("YM", "", "years?|mons?|months?"),
    "day": ("YMWD", "", "years?|mons?|months?|days?"), "hour": ("YMWD", "H", "years?|mons?|months?|days?|hours?"),
    "minute": ("YMWD", "HM", "years?|mons?|months?|days?|hours?|mins?|minutes?"),
}  # fmt: skip
"""What of an interval is kept down to each unit: before and behind the T of ISO 8601, and in words."""


def pattern(kind: str) -> str:
    """The regular expression for values of a type, "" where every text is kept or refused by the server."""
    if kind.endswith("[]"):
        quoted, plain = _in_array(kind.removesuffix("[]"))
        element = f'"({quoted})"|{plain}|NULL'
        return rf"(?is)^([\[\]:\d-]*=)?[{{}},\s]*(({element})[{{}},\s]+)*$" if plain else ""
    if kind == "uuid":
        spelled = _UUID
    elif kind == "numeric":
        spelled = _NUMBER
    elif kind == '"char"':
        spelled = _ONE_BYTE
    elif kind.startswith(("character(", "bpchar")):
        spelled = _padded(kind)
    elif kind.startswith(("time", "date", "character varying")) and "with time zone" not in kind:
        return ""  # their own Arrow type, or length, is strict
    else:
        spelled = _text_of(kind)
    return f"(?is)^({spelled})$" if spelled else ""


def _text_of(kind: str) -> str:
    if (scaled := _SCALED.fullmatch(kind)) and int(scaled[2]) >= 0 and int(scaled[1]) <= _ARROW_DIGITS:
        return ""
    return "" if kind.startswith("timestamp") else _element(kind)


def _in_array(kind: str) -> tuple[str, str]:
    """The same of an element, between quotes and without them."""
    if limited := _LIMITED.fullmatch(kind):
        most = int(limited["most"])
        both = rf'([^"\\]|\\.){{0,{most}}}', rf'([^",{{}}\\]|\\.){{0,{most}}}'
        return both if most <= _MOST_REPEATED else ("", "")
    element = _element(kind)
    return element, element


def _element(kind: str) -> str:
    """The same without its ends, where its text alone says what the server would change."""
    if kind == "money":
        return _MONEY
    if kind == "date":
        return r"[\d-]+( BC)?|-?infinity"
    if scaled := _SCALED.fullmatch(kind):
        return _scaled(int(scaled[2]))
    if moment := _MOMENT.fullmatch(kind):
        return _moment(moment["name"], moment["digits"] or "6", moment["zone"] == " with time zone")
    if kind.startswith("interval"):
        return _down_to(kind.rsplit(maxsplit=1)[-1])
    return ""


def _scaled(scale: int) -> str:
    if scale < 0:
        return rf"[+-]?(\d*0{{{-scale}}}|0+)(\.0*)?"
    return rf"[+-]?\d+(\.\d{{0,{scale}}}0*)?|NaN|[+-]?infinity"


def _moment(name: str, digits: str, has_zone: bool) -> str:
    fraction = rf"(\.\d{{0,{digits}}}0*)?"
    zone = r"( ?(Z|[+-][\d:]+))?" if has_zone else ""
    if name == "time":
        return rf"[\d:]+{fraction}{zone}"
    if name == "timestamp":
        return rf"[\d-]+([ T][\d:]+{fraction}{zone})?( BC)?|-?infinity"
    return rf'[^{{}}."]*(\.\d{{0,{digits}}}0*([^\d{{}}."][^{{}}."]*)?)?'


def _down_to(unit: str) -> str:
    days, hours, words = _UNITS[unit]
    clock = f"(T([+-]?\\d+[{hours}])*)?" if hours else ""
    return rf"P([+-]?\d+[{days}])*{clock}|PT0S|([+-]?\d+ ?({words}) *)+|0|00:00:00"


def _padded(kind: str) -> str:
    """Blanks at the end are lost, but where they are those that fill the column."""
    limited = _LIMITED.fullmatch(kind)
    full = rf"|.{{{limited['most']}}}" if limited and int(limited["most"]) <= _MOST_REPEATED else ""
    return rf"|.*[^ ]{full}"
