"""A transit engine as OpenBao documents it, as far as sealing a key needs it: encrypt and decrypt under versions of one key."""

from __future__ import annotations

import json
import os
import ssl
import tempfile
import threading
import time
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardstead.crypto.pki import make_authority, make_leaf


class TransitServer:
    """Serves ``/v1/transit/(en|de)crypt/wardstead`` over TLS to whoever has the token ``s.token``."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.answer: bytes | None = None
        self._keys = [os.urandom(32)]
        self._folder = tempfile.TemporaryDirectory()
        self.ca_file = self._certificates(Path(self._folder.name))
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.seen.append(self.path)
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, said = outer.reply(self.path, self.headers.get("x-vault-token", ""), body)
                data = outer.answer if outer.answer is not None else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_address[1]}"

    def rotate(self) -> None:
        """Another version of the key."""
        self._keys.append(os.urandom(32))

    def reply(self, path: str, token: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and the answer."""
        if token != "s.token":
            return 403, {"errors": ["permission denied"]}
        context = b64decode(body["associated_data"])
        if path == "/v1/transit/encrypt/wardstead":
            nonce = os.urandom(12)
            sealed = nonce + AESGCM(self._keys[-1]).encrypt(nonce, b64decode(body["plaintext"]), context)
            return 200, {"data": {"ciphertext": f"vault:v{len(self._keys)}:{b64encode(sealed).decode()}"}}
        if path == "/v1/transit/decrypt/wardstead":
            _, version, text = body["ciphertext"].split(":")
            data = b64decode(text)
            try:
                plain = AESGCM(self._keys[int(version[1:]) - 1]).decrypt(data[:12], data[12:], context)
            except InvalidTag:
                return 400, {"errors": ["cipher: message authentication failed"]}
            return 200, {"data": {"plaintext": b64encode(plain).decode()}}
        return 404, {"errors": []}

    def _certificates(self, folder: Path) -> str:
        now = time.time_ns() // 1_000_000
        authority = make_authority(("localhost",), now)
        leaf = make_leaf(authority, ("localhost",), now)
        for name, data in (("ca.crt", authority.certificate), ("s.crt", leaf.certificate), ("s.key", leaf.key)):
            (folder / name).write_bytes(data)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "s.crt", folder / "s.key")
        return str(folder / "ca.crt")

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()
