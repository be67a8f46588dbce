"""A key service as clouds have them: a key that never leaves it, an encryption context, a token; and ways to misbehave."""

from __future__ import annotations

import json
import os
import threading
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "let-me-in"


class Kms(ThreadingHTTPServer):
    """On this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys = {"key-1": AESGCM(os.urandom(32))}
        self.down = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Kms

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key, data, context = self.server.keys.get(said["key_id"]), b64decode(said["data"]), b64decode(said["context"])
        if self.server.down or key is None or self.headers["authorization"] != TOKEN:
            self.send_error(503 if self.server.down else 403)
            return
        try:
            if self.path == "/encrypt":
                nonce = os.urandom(12)
                made = nonce + key.encrypt(nonce, data, context)
            else:
                made = key.decrypt(data[:12], data[12:], context)
        except (InvalidTag, ValueError):
            self.send_error(400)
            return
        body = json.dumps({"data": b64encode(made).decode()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""
