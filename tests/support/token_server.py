"""A token server by the distribution project's token specification: it signs what docker-registry checks."""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


@dataclass
class TokenServer:
    """A running token server; its fields may be changed while it runs."""

    certificate: Path
    """PEM file for the registry's ``rootcertbundle``."""
    key: ec.EllipticCurvePrivateKey
    issuer: str = "token server of the test"
    service: str = "registry of the test"
    username: str = ""
    """Empty: everybody gets a token."""
    password: str = ""
    refresh_token: str = ""
    lifetime: int = 300
    """Seconds that a token is good for."""
    host: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    """Every request: its method, scope, service and whether it was granted."""

    @property
    def realm(self) -> str:
        """Where tokens are to be had."""
        return f"http://{self.host}/token"

    def grant(self, method: str, query: dict[str, list[str]], authorization: str) -> dict[str, Any] | None:
        """Return the answer to a request for a token, or None."""
        scope, service = query.get("scope", [""])[0], query.get("service", [""])[0]
        if method == "POST":
            allowed = query.get("refresh_token", [""])[0] == self.refresh_token != ""
        else:
            basic = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            allowed = not self.username or authorization == f"Basic {basic}"
        self.asked.append({"method": method, "scope": scope, "service": service, "granted": str(allowed)})
        if not allowed:
            return None
        return {"token": self._sign(scope), "expires_in": self.lifetime, "issued_at": datetime.now(UTC).isoformat()}

    def _sign(self, scope: str) -> str:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.username,
            "aud": self.service,
            "iat": now,
            "nbf": now - 60,
            "exp": now + self.lifetime,
            "jti": uuid.uuid4().hex,
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}] if name else [],
        }
        der = x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_bytes(Encoding.DER)
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"x5c": [base64.b64encode(der).decode()]})


@contextmanager
def running(folder: Path) -> Iterator[TokenServer]:
    """Run a token server with a key of its own, and end it afterwards."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = folder / "token-server.pem"
    certificate.write_bytes(self_signed(key).public_bytes(Encoding.PEM))
    server = TokenServer(certificate, key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET", parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer("POST", parse_qs(body.decode()))

        def _answer(self, method: str, query: dict[str, list[str]]) -> None:
            granted = server.grant(method, query, self.headers.get("Authorization", ""))
            body = json.dumps(granted or {"details": "incorrect username or password"}).encode()
            self.send_response(200 if granted else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the name of the base class
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.host = f"127.0.0.1:{http.server_address[1]}"
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join(60)


def self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Return a certificate for ``127.0.0.1``, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "token server of the test")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
