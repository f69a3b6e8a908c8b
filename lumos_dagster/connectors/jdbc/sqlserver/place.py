"""Where a SQL Server is: its connection string, and what the parameters in it mean to the driver."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lumos_dagster.connectors.jdbc.urls import Parts, milliseconds, read_url, seconds, system_authorities, truth

_INSTANCE = re.compile(r"(?P<host>\[[^\]]+\]|[^\\:]*)(?:\\(?P<instance>[^:]*))?(?::(?P<port>\d+))?")
_PROPERTY = re.compile(
    r";?\s*(?P<name>[^=;{]+?)\s*=\s*(?:\{(?P<braced>(?:[^}]|\}\})*)\}|(?P<plain>[^;]*))(?=;|$)", re.DOTALL
)

PARAMETERS: Mapping[str, str] = {
    "encrypt": "cafile", "trustServerCertificate": "cafile", "serverCertificate": "cafile", "cafile": "cafile",
    "instanceName": "instance", "loginTimeout": "login_timeout",
    "login_timeout": "login_timeout", "socketTimeout": "timeout", "timeout": "timeout", "packetSize": "blocksize",
    "applicationName": "appname", "appname": "appname", "applicationIntent": "readonly",
}  # fmt: skip
REFUSED: Mapping[str, str] = {
    "hostNameInCertificate": "the certificate must name the host of the URL",
    "trustStore": "name a PEM file by serverCertificate instead of a Java key store",
    "trustStorePassword": "name a PEM file by serverCertificate instead of a Java key store",
    "integratedSecurity": "give user and password",
    "authentication": "give user and password",
    "authenticationScheme": "give user and password",
    "domain": "give user and password of a SQL Server login",
    "charset": "texts always travel as UTF-16; leave it out",
    "driver": "the driver is always python-tds; leave it out",
    "failoverPartner": "name the server of the availability group's listener",
    "multiSubnetFailover": "leave it out",
    "sendStringParametersAsUnicode": "texts always travel as UTF-16; leave it out",
    "selectMethod": "rows are always streamed; leave it out",
    "responseBuffering": "rows are always streamed; leave it out",
    "useBulkCopyForBatchInsert": "rows always go by bulk copy; leave it out",
    "queryTimeout": "set the timeout of the job's entry",
    "lockTimeout": "set it in pre_sql: SET LOCK_TIMEOUT 5000",
}


_SYNONYMS = {
    "host": ("serverName", "server"), "port": ("portNumber", "port"), "name": ("databaseName", "database"),
    "user": ("user", "userName"), "password": ("password",),
}  # fmt: skip
_CONVERTED: dict[str, Callable[[str], Any]] = {
    "loginTimeout": seconds, "login_timeout": seconds, "socketTimeout": milliseconds, "timeout": seconds,
    "packetSize": int, "applicationIntent": lambda text: text.lower() == "readonly",
}  # fmt: skip


def _pop(query: dict[str, str], *names: str) -> str:
    """The last value given under one of the names, which upper and lower case are the same in."""
    known = {name.lower() for name in names}
    values = [query.pop(name) for name in list(query) if name.lower() in known]
    return values[-1] if values else ""


def _encrypts(text: str) -> bool:
    if text.lower() == "strict":
        raise ValueError("encrypt=strict (TDS 8.0) is not known to the driver; set encrypt=true")
    return text.lower() == "mandatory" or (text.lower() != "optional" and truth("encrypt", text))


def read_place(rest: str) -> Parts | None:
    """The parts of `//host\\instance:port;name=value`, where a value with a semicolon stands in braces; or of a URL."""
    place, semicolon, properties = rest.partition(";")
    if not semicolon and ("/" in rest[2:] or "@" in rest or "?" in rest):
        return read_url(rest)
    server = _INSTANCE.fullmatch(place.removeprefix("//").rstrip("/"))
    query: dict[str, str] = {}
    at = 0
    while match := _PROPERTY.match(properties, at):
        value = match["plain"] if match["braced"] is None else match["braced"].replace("}}", "}")
        query[match["name"]] = value.strip() if match["braced"] is None else value
        at = match.end()
    if not server or properties[at:].strip("; \n"):
        return None
    given = {name: _pop(query, *names) for name, names in _SYNONYMS.items()}
    host = server["host"].strip("[]") or given["host"] or "localhost"
    port = server["port"] or given["port"] or "0"
    if not port.isdecimal():
        return None
    if server["instance"]:
        query["instanceName"] = server["instance"]
    if int(port):  # an instance is only asked for where nobody says its port
        _pop(query, "instanceName")
    return Parts(host, int(port), given["name"], given["user"], given["password"], query)


def driver_options(parameters: Mapping[str, str]) -> dict[str, Any]:
    """The parameters as the driver takes them. ValueError where TLS would not hold what it promises."""
    found = dict(parameters)
    options: dict[str, Any] = {}
    own = found.pop("serverCertificate", "") or found.pop("cafile", "")
    trusts_all = truth("trustServerCertificate", found.pop("trustServerCertificate", "false"))
    if _encrypts(found.pop("encrypt", "true")):
        if trusts_all and not own:
            raise ValueError(
                "trustServerCertificate=true: whoever answers would get the password. Name the server's own "
                "certificate by serverCertificate=/path/to/file.pem, or give up encryption by encrypt=false"
            )
        options |= {"cafile": own or system_authorities(), "validate_host": not trusts_all}
    for name, value in found.items():
        options[PARAMETERS[name]] = _CONVERTED.get(name, str)(value)
    return options
