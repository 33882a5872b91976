"""Signatures made, and judged, by the `openssl` command: a second opinion that shares no code with ours."""

import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tests.factory.ca import Identity


def sign(content: bytes, *signers: Identity, options: Sequence[str] = (), extra: Sequence[Identity] = ()) -> bytes:
    """A detached CMS over `content` exactly as given, DER (BER with the options `-stream -indef`).

    `options` are `openssl cms -sign`'s; `extra` are further certificates to carry.
    """
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "content").write_bytes(content)
        (where / "extra.pem").write_bytes(b"".join(one.pem for one in extra))
        command = ["cms", "-sign", "-binary", "-in", "content", "-outform", "DER", "-out", "signature"]
        for number, signer in enumerate(signers):
            (where / f"{number}.pem").write_bytes(signer.pem)
            (where / f"{number}.key").write_bytes(signer.key_pem)
            command += ["-signer", f"{number}.pem", "-inkey", f"{number}.key"]
        command += ["-certfile", "extra.pem"] if extra else []
        _run(where, *command, *options, check=True)
        return (where / "signature").read_bytes()


def sign_opaque(content: bytes, signer: Identity) -> bytes:
    """A whole S/MIME mail whose content lies inside the CMS (application/pkcs7-mime), as `openssl` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "content").write_bytes(content)
        (where / "0.pem").write_bytes(signer.pem + signer.key_pem)
        _run(where, "cms", "-sign", "-nodetach", "-in", "content", "-signer", "0.pem", "-out", "mail", check=True)
        return (where / "mail").read_bytes()


def holds(raw: bytes, *anchors: Identity, at: datetime, known: Sequence[Identity] = ()) -> bool:
    """Whether `openssl cms -verify` accepts the mail at that time, with these anchors and known certificates.

    Any certificate may be an anchor, as with `--trust` (`-partial_chain`). The purpose is smimesign, its default.
    """
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "mail").write_bytes(raw)
        # Known certificates are looked for here as issuers, there as signers; only roots end a chain.
        (where / "anchors.pem").write_bytes(b"".join(one.pem for one in (*anchors, *known)))
        (where / "known.pem").write_bytes(b"".join(one.pem for one in known))
        command = ["cms", "-verify", "-in", "mail", "-out", "content", "-CAfile", "anchors.pem"]
        command += ["-no-CApath", "-no-CAstore", "-attime", str(int(at.timestamp()))]
        command += ["-certfile", "known.pem"] if known else []
        roots = all(one.certificate.subject == one.certificate.issuer for one in anchors)
        command += [] if roots else ["-partial_chain"]
        return _run(where, *command, check=False).returncode == 0


def _run(where: Path, *command: str, check: bool) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["openssl", *command], cwd=where, capture_output=True, check=check)
