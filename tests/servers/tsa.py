"""A time-stamp authority: the `openssl ts` command behind a small HTTP server, with every fault that one can have."""

import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from asn1crypto import cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.servers.programs import program
from tests.servers.web import LoopbackServer

_CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Fault = Callable[[bytes], bytes]


class TimeStampAuthority(LoopbackServer):
    """A root, a TSA certificate under it, and the service at `url`; `root` is the root's PEM file.

    `answer` bends what it says (`lambda reply: b"garbage"`), `status` the HTTP status; `asked` counts the queries.
    """

    def __init__(self, *, elliptic: bool = False, purposes: tuple[x509.ObjectIdentifier, ...] | None = None) -> None:
        self._openssl = program("openssl", package="openssl")
        self._kept = tempfile.TemporaryDirectory(prefix="tsa-")
        self.folder = Path(self._kept.name)
        self.root = self.folder / "root.pem"
        self.status = 200
        self.asked = 0
        self.answer: Fault = lambda reply: reply
        self._certify(elliptic=elliptic, purposes=purposes or (ExtendedKeyUsageOID.TIME_STAMPING,))
        super().__init__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._kept.cleanup()

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.address("/tsr")

    def reply(self, query: bytes) -> bytes:
        """What `openssl ts` answers to a TimeStampReq, without the network."""
        (self.folder / "query.tsq").write_bytes(query)
        self._ts("-reply", "-config", self.folder / "tsa.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr")
        return (self.folder / "reply.tsr").read_bytes()

    def resigned(self, query: bytes) -> bytes:
        """A sound authority's reply to *query*, signed anew by this one: `openssl ts` checks its own purpose."""
        with TimeStampAuthority() as sound:
            whole = tsp.TimeStampResp.load(sound.reply(query))
        own = (self.folder / "tsa.pem").read_bytes()
        certificate = x509.load_pem_x509_certificate(own)
        key = load_pem_private_key((self.folder / "tsa.key").read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        signed = whole["time_stamp_token"]["content"]
        carried = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
        signer = signed["signer_infos"][0]
        attributes = signer["signed_attrs"]
        for attribute in attributes:
            if attribute["type"].native == "signing_certificate_v2":
                named = {"certs": [{"cert_hash": certificate.fingerprint(hashes.SHA256())}]}
                attribute["values"] = [tsp.SigningCertificateV2(named)]
        signer["signed_attrs"] = cms.CMSAttributes(list(attributes))
        signer["sid"] = cms.SignerIdentifier(
            "issuer_and_serial_number",
            cms.IssuerAndSerialNumber({"issuer": carried.issuer, "serial_number": carried.serial_number}),
        )
        over = signer["signed_attrs"].untag().dump(force=True)
        signer["signature"] = key.sign(over, padding.PKCS1v15(), hashes.SHA256())
        signed["certificates"] = cms.CertificateSet([cms.CertificateChoices("certificate", carried)])
        return bytes(whole.dump(force=True))

    def openssl_accepts(self, response: bytes, content: bytes) -> bool:
        """Whether `openssl ts -verify` takes `response` as a time-stamp over `content` under this root."""
        (self.folder / "check.tsr").write_bytes(response)
        (self.folder / "check.bin").write_bytes(content)
        verify = ["ts", "-verify", "-in", "check.tsr", "-data", "check.bin", "-CAfile", str(self.root)]
        ran = subprocess.run([self._openssl, *verify], cwd=self.folder, capture_output=True, check=False)
        return ran.returncode == 0

    def _ts(self, *words: str | Path) -> None:
        subprocess.run([self._openssl, "ts", *words], cwd=self.folder, capture_output=True, check=True)

    def _certify(self, *, elliptic: bool, purposes: tuple[x509.ObjectIdentifier, ...]) -> None:
        def key() -> _Key:
            if elliptic:
                return ec.generate_private_key(ec.SECP256R1())
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)

        now = datetime.now(UTC)
        root_key, own_key = key(), key()
        root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Radice per marche di prova")])
        root = (
            _builder(root_name, root_name, root_key, now)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Marche di prova")])
        own = (
            _builder(own_name, root_name, own_key, now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        self.root.write_bytes(root.public_bytes(Encoding.PEM))
        (self.folder / "tsa.pem").write_bytes(own.public_bytes(Encoding.PEM))
        key_pem = own_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "tsa.key").write_bytes(key_pem)
        (self.folder / "serial").write_text("01\n")
        (self.folder / "tsa.cnf").write_text(_CONFIG.format(folder=self.folder))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.asked += 1
                reply = authority.answer(authority.reply(query))
                self.send_response(authority.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                """Nothing to say."""

        return Handler


def _builder(subject: x509.Name, issuer: x509.Name, key: _Key, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
