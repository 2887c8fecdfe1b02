"""A certificate for this machine's names from mitmproxy's own authority, which browsers under test trust already."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mitmproxy.certs import CertStore
from mitmproxy.options import CONF_BASENAME, CONF_DIR, KEY_SIZE

from lp_sentinel.home import expanded

_NAMES = ("localhost", "sentinel.localhost", "127.0.0.1", "::1")


def server_context(confdir: str = CONF_DIR) -> ssl.SSLContext:
    """For a server on this machine. An authority that is not there yet is made, as mitmproxy itself would."""
    store = CertStore.from_store(expanded(confdir), CONF_BASENAME, KEY_SIZE)
    entry = store.get_cert(None, [_general_name(name) for name in _NAMES])
    key = entry.privatekey.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The ssl module reads certificates from files only.
    with TemporaryDirectory(prefix="lp-authorize-") as folder:
        pem = Path(folder, "certificate.pem")
        pem.touch(mode=0o600)
        pem.write_bytes(key + entry.cert.to_pem())
        context.load_cert_chain(pem)
    return context


def authority_file(confdir: str) -> Path:
    """What those who shall trust the certificate must trust."""
    return expanded(confdir) / f"{CONF_BASENAME}-ca-cert.pem"


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
