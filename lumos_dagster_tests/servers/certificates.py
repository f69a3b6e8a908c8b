"""Certificates for the tests: an authority, and what it has signed for 127.0.0.1."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certified:
    """Files: the authority's certificate, and a server's certificate and key."""

    authority: Path
    certificate: Path
    key: Path


def certified(folder: Path, name: str, host: str = "127.0.0.1") -> Certified:
    """A new authority, and its word for a server at that address."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = _named(f"{name} authority")
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    authority = _begun(authority_name, authority_name, authority_key).add_extension(constraints, critical=True)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
    server = _begun(_named(name), authority_name, key).add_extension(addresses, critical=False)
    found = Certified(folder / f"{name}-ca.pem", folder / f"{name}.pem", folder / f"{name}.key")
    pem = serialization.Encoding.PEM
    found.authority.write_bytes(authority.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    found.certificate.write_bytes(server.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    kind, secret = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    found.key.write_bytes(key.private_bytes(pem, kind, secret))
    found.key.chmod(0o600)
    return found


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    begun = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    begun = begun.serial_number(x509.random_serial_number())
    return begun.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
