"""Connection strings of SQL Server, Oracle, MySQL and MariaDB: their spellings, units, TLS, and what is refused."""

from typing import Any

import pytest

from lumos_dagster.connectors.jdbc.address import parse_address
from lumos_dagster.connectors.jdbc.urls import system_authorities

SECRET = "hunter2-canary"
_PROVEN = {"cafile": system_authorities(), "validate_host": True}


@pytest.mark.parametrize(
    ("text", "where", "user", "password", "parameters"),
    [
        (r"jdbc:sqlserver://db:1434;databaseName=shop;encrypt=false", ("db:1434", "shop"), None, None, {}),
        (r"jdbc:sqlserver://db\SQLEXPRESS;databaseName=shop;encrypt=false", ("db:1433", "shop"), None, None, {"instance": "SQLEXPRESS"}),
        (r"jdbc:sqlserver://db\SQLEXPRESS:1434;databaseName=shop;encrypt=false", ("db:1434", "shop"), None, None, {}),
        ("jdbc:sqlserver://;serverName=db;portNumber=5;DATABASE=shop;encrypt=optional", ("db:5", "shop"), None, None, {}),
        ("jdbc:sqlserver://db;userName=ann;password={a;b}}c=};encrypt=false;", ("db:1433",), "ann", "a;b}c=", {}),
        ("sqlserver://[2001:db8::1]:1434;encrypt=false", ("[2001:db8::1]:1434",), None, None, {}),
        ("mssql+pymssql://ann:p%40w@db:1434/shop", ("db:1434", "shop"), "ann", "p@w", _PROVEN),
        ("mssql+pytds://db/shop?encrypt=false", ("db:1433", "shop"), None, None, {}),
    ],
)  # fmt: skip
def test_sqlserver(text: str, where: tuple[str, ...], user: str, password: str, parameters: dict[str, Any]) -> None:
    address = parse_address(text)
    assert address.place == ("sqlserver", *where)
    assert (address.username, address.password, address.parameters) == (user, password, parameters)


@pytest.mark.parametrize(
    ("text", "where", "user", "password", "parameters"),
    [
        ("jdbc:oracle:thin:@//db:1522/shop", ("db:1522", "shop"), None, None, {}),
        ("jdbc:oracle:thin:@db/shop", ("db:1521", "shop"), None, None, {}),
        ("jdbc:oracle:thin:@db:1521:ORCL", ("db:1521", "ORCL"), None, None, {"sid": "ORCL"}),
        ('jdbc:oracle:thin:ann/"p@w/1"@//db:1521/shop', ("db:1521", "shop"), "ann", "p@w/1", {}),
        ("oracle:thin:@db:1521/shop?user=ann&password=p%40w&ssl=true", ("db:1521", "shop"), "ann", "p@w", {"protocol": "tcps"}),
        ("jdbc:oracle:thin:@tcps://db:2484/shop?wallet_location=/w&ssl_server_dn_match=true", ("db:2484", "shop"), None, None,
         {"protocol": "tcps", "wallet_location": "/w", "ssl_server_dn_match": True}),
        ("oracle+oracledb://ann:pw@db:1521/?service_name=shop", ("db:1521", "shop"), "ann", "pw", {"service_name": "shop"}),
        ("oracle+oracledb://ann:pw@db/ORCL", ("db:1521", "ORCL"), "ann", "pw", {"sid": "ORCL"}),
    ],
)  # fmt: skip
def test_oracle(text: str, where: tuple[str, ...], user: str, password: str, parameters: dict[str, Any]) -> None:
    address = parse_address(text)
    assert address.place == ("oracle", *where)
    assert (address.username, address.password, address.parameters) == (user, password, parameters)


_PROOF = {"check_hostname": False, "verify_mode": True, "ca": "/ca.pem"}


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        ("jdbc:sqlserver://h;encrypt=false;loginTimeout=7;socketTimeout=1500", {"login_timeout": 7, "timeout": 1.5}),
        ("jdbc:sqlserver://h;encrypt=false;applicationIntent=ReadOnly;packetSize=8000", {"readonly": True, "blocksize": 8000}),
        ("jdbc:sqlserver://h", _PROVEN),
        ("jdbc:sqlserver://h;encrypt=mandatory;serverCertificate=/ca.pem", {"cafile": "/ca.pem", "validate_host": True}),
        ("jdbc:sqlserver://h;trustServerCertificate=true;serverCertificate=/ca.pem", {"cafile": "/ca.pem", "validate_host": False}),
        ("jdbc:oracle:thin:@h/s?oracle.net.CONNECT_TIMEOUT=2500", {"tcp_connect_timeout": 2.5}),
        ("jdbc:oracle:thin:@h/s?oracle.jdbc.ReadTimeout=2500", {"call_timeout": 2500}),
        ("jdbc:mysql://h/s?connectTimeout=2500&socketTimeout=1500", {"connect_timeout": 2, "read_timeout": 1.5, "write_timeout": 1.5}),
        ("jdbc:mysql://h/s?characterEncoding=UTF-8&useUnicode=true&allowLoadLocalInfile=false", {"local_infile": False}),
        ("jdbc:mysql://h/s?useSSL=false", {"ssl_disabled": True}),
        ("jdbc:mysql://h/s?useSSL=true&requireSSL=true", {"ssl": {"check_hostname": False, "verify_mode": False}}),
        ("jdbc:mysql://h/s?sslMode=PREFERRED", {}),
        ("jdbc:mysql://h/s?sslMode=VERIFY_CA&ssl_ca=/ca.pem", {"ssl": _PROOF}),
        ("jdbc:mysql://h/s?ssl_ca=/ca.pem", {"ssl": _PROOF}),
        ("jdbc:mariadb://h/s?sslMode=verify-full&serverSslCert=/ca.pem", {"ssl": {**_PROOF, "check_hostname": True}}),
        ("jdbc:mysql://h/s?verifyServerCertificate=true", {"ssl": {**_PROOF, "ca": system_authorities()}}),
        ("jdbc:mysql://h/s?sslMode=REQUIRED&ssl_cert=/c.pem&ssl_key=/k.pem",
         {"ssl": {"check_hostname": False, "verify_mode": False, "cert": "/c.pem", "key": "/k.pem"}}),
    ],
)  # fmt: skip
def test_parameters_mean_to_the_driver_what_they_say(url: str, parameters: dict[str, Any]) -> None:
    assert parse_address(url).parameters == parameters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jdbc:sqlserver://h;encrypted=true", "unknown parameter 'encrypted'; .*Did you mean 'encrypt'"),
        ("jdbc:sqlserver://h;trustServerCertificate=true", "Name the server's own certificate by serverCertificate="),
        ("jdbc:sqlserver://h;encrypt=strict", "set encrypt=true"),
        ("jdbc:sqlserver://h;encrypt=perhaps", "must be true or false"),
        ("jdbc:sqlserver://h;trustStore=/x.jks", "'trustStore': name a PEM file"),
        ("jdbc:sqlserver://h;LOGINTIMEOUT=1s", "must be a whole number"),
        (f"jdbc:sqlserver://h;password={SECRET};{SECRET}", "must look like jdbc:sqlserver://host"),
        ("jdbc:oracle:thin:@h", "must look like jdbc:oracle:thin:@//host:port/service"),
        ("jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(HOST=h)))", "must look like jdbc:oracle:thin:"),
        (f"jdbc:oracle:thin:ann/{SECRET}@h:x/s", "must look like jdbc:oracle:thin:"),
        ("jdbc:oracle:thin:@h/s?TNS_ADMIN=/x", "'TNS_ADMIN': name host, port and service"),
        ("jdbc:mysql://h/s?serverTimezone=UTC", "'serverTimezone': moments are read and written in UTC; leave it out"),
        ("jdbc:mysql://h/s?tinyInt1isBit=false", "tinyInt1isBit"),
        ("jdbc:mysql://h/s?sslMode=maybe", "sslMode must be one of disabled"),
        ("jdbc:mysql://h/s?characterEncoding=latin1", "always travel as UTF-8"),
        ("jdbc:mysql://h/s?useSsl=true", "unknown parameter 'useSsl'; .*Did you mean 'useSSL'"),
        ("jdbc:duckdb::memory:", "a database in memory"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_said_with_what_to_do(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        parse_address(text)
    assert SECRET not in str(raised.value)
