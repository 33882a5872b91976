"""What a user would lose: the CPU of a watch, and a file of authorities that takes effect when it is changed."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pec_tracker.errors import ConfigurationError
from pec_tracker.wire.endpoint import Endpoint
from pec_tracker.wire.tls import client_context
from tests.factory import ca


def test_the_authorities_are_read_once_for_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    context = client_context(Endpoint("one.example", 993))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    monkeypatch.setattr(ssl, "create_default_context", None)
    assert client_context(Endpoint("other.example", 465)) is context


def test_another_file_of_authorities_counts_at_once(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    endpoint = Endpoint("one.example", 993, ca_file=file)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        client_context(endpoint)
    file.write_bytes(ca.root().certificate.public_bytes(Encoding.PEM))
    first = client_context(endpoint)
    assert first is client_context(endpoint)
    assert first is not client_context(Endpoint("one.example", 993))
    file.write_text("nothing")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        client_context(endpoint)
