"""How a server is named in a connection string: the URL that most databases share, in its parts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

_TAIL = r"(?P<host>\[[^\]@]+\]|[^:/?@]*)(?::(?P<port>\d+))?(?:/(?P<name>[^?]*))?(?:\?(?P<query>.*))?"
_SERVER = (
    re.compile(rf"//(?:(?P<user>[^:@/?]*)(?::(?P<password>[^@/?]*))?@)?{_TAIL}", re.DOTALL),
    # SQLAlchemy takes a password with / and ? in it as it is: read so only what makes no sense otherwise.
    re.compile(rf"//(?P<user>[^:@/]*):(?P<password>[^@]*)@{_TAIL}", re.DOTALL),
)
_SHORT = re.compile(r"/?(?P<name>[^/?@:]*)(?:\?(?P<query>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Parts:
    """What a connection string says; what it leaves out is empty, or 0."""

    host: str = ""
    port: int = 0
    name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The parameters, as they are called there."""


def read_url(rest: str) -> Parts | None:
    """The parts of `//user:password@host:port/database?parameter=value`; None where it is none."""
    forms = (*_SERVER, _SHORT) if not rest.startswith("//") else _SERVER
    match = next((found for form in forms if (found := form.fullmatch(rest))), None)
    if not match:
        return None
    parts = match.groupdict()
    return Parts(
        (parts.get("host") or "localhost").strip("[]"),
        int(parts.get("port") or 0),
        unquote(parts["name"] or ""),
        unquote(parts.get("user") or ""),
        unquote(parts.get("password") or ""),
        dict(parse_qsl(parts.get("query") or "", keep_blank_values=True)),
    )


def milliseconds(text: str) -> float:
    """Milliseconds, as many JDBC drivers count, in seconds. ValueError where it is no number."""
    if not text.isdecimal():
        raise ValueError(f"a time in a parameter must be a whole number, but is {text[:20]!r}")
    return int(text) / 1000


def seconds(text: str) -> float:
    """Seconds. ValueError where it is no number."""
    return milliseconds(text) * 1000


def truth(name: str, text: str) -> bool:
    """`true` or `false`, however it is spelled. ValueError for anything else."""
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in known:
        raise ValueError(f"parameter {name!r} must be true or false, but is {text[:20]!r}")
    return known[text.lower()]


def system_authorities() -> str:
    """The file of the certificate authorities that this machine trusts."""
    import ssl

    import certifi

    return ssl.get_default_verify_paths().cafile or certifi.where()
