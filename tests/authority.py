"""A time-stamping authority as other people run one: ``openssl ts`` behind a small HTTP server."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
certs = {folder}/ca.pem
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
_EXTENSIONS = "extendedKeyUsage=critical,{purpose}\nbasicConstraints=CA:FALSE\n"


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class TimeAuthority:
    """Its keys and its server. ``away``: it answers 503; ``posted``: how often it was asked."""

    def __init__(self, folder: Path, *, key: str = "rsa:2048", purpose: str = "timeStamping") -> None:
        folder.mkdir()
        self.folder, self.away, self.posted, self.url = folder, False, 0, ""
        new = ("req", "-x509", "-nodes", "-days", "30", "-newkey", "rsa:2048")
        openssl(*new, "-subj", "/CN=Time root", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
        kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256") if key == "ec" else ("-newkey", key)
        files = ("-keyout", f"{folder}/tsa.key", "-out", f"{folder}/tsa.csr")
        openssl("req", "-new", "-nodes", *kind, "-subj", "/CN=Time", *files)
        (folder / "extensions").write_text(_EXTENSIONS.format(purpose=purpose))
        authority = ("-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "30")
        certified = ("-out", f"{folder}/tsa.pem", "-extfile", f"{folder}/extensions")
        openssl("x509", "-req", "-in", f"{folder}/tsa.csr", *authority, *certified)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))

    @property
    def root(self) -> Path:
        return self.folder / "ca.pem"

    def reply(self, query: bytes) -> bytes:
        """What it answers to a query."""
        (self.folder / "query").write_bytes(query)
        config = ("-config", f"{self.folder}/tsa.cnf", "-section", "one")
        openssl("ts", "-reply", "-queryfile", f"{self.folder}/query", "-out", f"{self.folder}/reply", *config)
        return (self.folder / "reply").read_bytes()

    def query(self, message: Path) -> bytes:
        """A query for the hash of a file."""
        made = ["openssl", "ts", "-query", "-data", str(message), "-sha256", "-cert"]
        return subprocess.run(made, check=True, capture_output=True).stdout

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address, while it serves."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                authority.posted += 1
                query = self.rfile.read(int(self.headers["content-length"]))
                answer = b"" if authority.away else authority.reply(query)
                self.send_response(503 if authority.away else 200)
                self.send_header("content-type", "application/timestamp-reply")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            self.url = f"http://127.0.0.1:{server.server_port}/tsr"
            yield self.url
        finally:
            server.shutdown()
            server.server_close()
