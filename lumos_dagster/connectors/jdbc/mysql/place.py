"""What the parameters in the URL of a MySQL or MariaDB mean to the driver: TLS, times, files."""

from collections.abc import Callable, Mapping
from typing import Any

from lumos_dagster.connectors.jdbc.urls import milliseconds, seconds, system_authorities, truth

_TLS = (
    "sslMode", "ssl_mode", "useSSL", "requireSSL", "verifyServerCertificate", "serverSslCert", "ssl_ca", "ssl_cert",
    "ssl_key", "ssl_verify_cert", "ssl_verify_identity",
)  # fmt: skip
PARAMETERS: Mapping[str, str] = {
    **dict.fromkeys(_TLS, "ssl"),
    "connectTimeout": "connect_timeout", "connect_timeout": "connect_timeout", "socketTimeout": "read_timeout",
    "read_timeout": "read_timeout", "write_timeout": "write_timeout", "allowLoadLocalInfile": "local_infile",
    "local_infile": "local_infile", "characterEncoding": "", "charset": "", "useUnicode": "",
    "allowPublicKeyRetrieval": "",
}  # fmt: skip
"""Those with no name for the driver say what is so anyway."""
REFUSED: Mapping[str, str] = {
    "serverTimezone": "moments are read and written in UTC; leave it out",
    "connectionTimeZone": "moments are read and written in UTC; leave it out",
    "tinyInt1isBit": "a tinyint(1) takes true and false, and is read as a number; leave it out",
    "zeroDateTimeBehavior": "a zero date is an error; select it as NULLIF(column, 0)",
    "rewriteBatchedStatements": "rows go by LOAD DATA or many to an INSERT; leave it out",
    "useCursorFetch": "rows are always streamed; leave it out",
    "defaultFetchSize": "set batch_size",
    "autoReconnect": "retries are the job's: set retry",
    "sessionVariables": "set them in pre_sql",
    "trustCertificateKeyStoreUrl": "name a PEM file by ssl_ca instead of a Java key store",
    "trustStore": "name a PEM file by ssl_ca instead of a Java key store",
    "keyStore": "name PEM files by ssl_cert and ssl_key instead of a Java key store",
}
_MODES = {
    "disabled": "disable", "disable": "disable", "preferred": "prefer", "required": "trust", "trust": "trust",
    "verify_ca": "verify_ca", "verify_identity": "verify_full", "verify_full": "verify_full",
}  # fmt: skip
_CONVERTED: dict[str, Callable[[str], Any]] = {
    "connectTimeout": lambda text: max(1, round(milliseconds(text))),
    "connect_timeout": lambda text: int(seconds(text)),
    "read_timeout": seconds,
    "write_timeout": seconds,
}


def driver_options(parameters: Mapping[str, str]) -> dict[str, Any]:
    """The parameters as the driver takes them. ValueError for a value that makes no sense."""
    options: dict[str, Any] = {}
    for name, value in parameters.items():
        if name in ("characterEncoding", "charset") and value.lower().replace("-", "") not in ("utf8", "utf8mb4"):
            raise ValueError(f"parameter {name!r}: texts always travel as UTF-8; leave it out")
        if name == "socketTimeout":
            options |= {"read_timeout": milliseconds(value) or None, "write_timeout": milliseconds(value) or None}
        elif PARAMETERS[name] == "local_infile":
            options["local_infile"] = truth(name, value)
        elif PARAMETERS[name] not in ("", "ssl"):
            options[PARAMETERS[name]] = _CONVERTED[name](value)
    return options | _tls({name: value for name, value in parameters.items() if PARAMETERS[name] == "ssl"})


def _tls(given: Mapping[str, str]) -> dict[str, Any]:
    mode = _mode(given)
    if mode == "disable":
        return {"ssl_disabled": True}
    if mode == "prefer" and not {"ssl_cert", "ssl_key"} & set(given):
        return {}  # the driver encrypts where the server can
    tls: dict[str, Any] = {"check_hostname": mode == "verify_full", "verify_mode": mode.startswith("verify")}
    if mode.startswith("verify"):  # without a file the driver would look at no name
        tls["ca"] = given.get("ssl_ca") or given.get("serverSslCert") or system_authorities()
    names = {"ssl_cert": "cert", "ssl_key": "key"}
    return {"ssl": tls | {known: given[name] for name, known in names.items() if name in given}}


def _mode(given: Mapping[str, str]) -> str:
    """How strict TLS is: the newer name of the option wins; naming an authority means that it is asked."""
    named = given.get("sslMode") or given.get("ssl_mode")
    if named:
        if (found := _MODES.get(named.lower().replace("-", "_"))) is None:
            raise ValueError(f"sslMode must be one of {', '.join(_MODES)}, but is {named[:20]!r}")
        return found
    is_on = {name: truth(name, given[name]) for name in _SWITCHES if name in given}
    if is_on.get("useSSL") is False:
        return "disable"
    if is_on.get("ssl_verify_identity"):
        return "verify_full"
    wants_proof = is_on.get("verifyServerCertificate") or is_on.get("ssl_verify_cert")
    if wants_proof or (wants_proof is None and {"ssl_ca", "serverSslCert"} & set(given)):
        return "verify_ca"
    return "trust" if is_on.get("requireSSL") or is_on.get("useSSL") else "prefer"


_SWITCHES = ("useSSL", "requireSSL", "verifyServerCertificate", "ssl_verify_cert", "ssl_verify_identity")
