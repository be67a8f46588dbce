"""A model server over TLS: each side proves who it is, and what goes wrong says whose fault it was."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from wardstead.crypto.client_certificates import make_client_authority, make_client_leaf
from wardstead.crypto.pki import CertifiedKey, make_authority, make_leaf, public_key_digest
from wardstead.gateway.server.pool import UpstreamProtocolError, UpstreamUnreachable
from wardstead.gateway.server.remote import RemoteUpstream, UpstreamRefusesUs, UpstreamUntrusted, tls_context
from wardstead.kernel.errors import PeerError

NOW_MS = int(time.time() * 1000)
NAMES = ["localhost", "127.0.0.1"]


@dataclass
class Files:
    """Certificates of a server that demands one of its clients."""

    folder: Path

    def put(self, name: str, made: CertifiedKey) -> CertifiedKey:
        (self.folder / f"{name}.crt").write_bytes(made.certificate)
        (self.folder / f"{name}.key").write_bytes(made.key)
        return made

    def crt(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def pin(self, name: str) -> str:
        return public_key_digest(ssl.PEM_cert_to_DER_cert(self.crt(name).read_text().partition("-----END")[0] + _END))


_END = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    made = Files(tmp_path_factory.mktemp("tls"))
    made.put("server", make_leaf(made.put("ca", make_authority(NAMES, NOW_MS)), NAMES, NOW_MS, days=30))
    made.put("stranger", make_authority(NAMES, NOW_MS))
    for name in ("clients", "others"):
        authority = made.put(name, make_client_authority(NOW_MS))
        made.put(f"{name}-us", make_client_leaf(authority, "01a2", "us", NOW_MS + 86_400_000, NOW_MS))
    return made


@asynccontextmanager
async def model_server(
    files: Files, *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Its address, and the requests that reached it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = version, version
    context.load_cert_chain(files.crt("server"), files.key("server"))
    context.load_verify_locations(files.crt("clients"))
    context.verify_mode = ssl.CERT_REQUIRED
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}", seen


async def asked(url: str, context: ssl.SSLContext) -> int:
    upstream = RemoteUpstream(url, context, bearer="sk-1", head_timeout_s=20)
    try:
        reply = await upstream.request("POST", "/v1/chat/completions", b"{}")
        assert await reply.read(20) == b"{}"
        return reply.status
    finally:
        await upstream.close()


def context(files: Files, ca: str = "ca", us: str = "clients-us", *pins: str) -> ssl.SSLContext:
    certificate, key = (files.crt(us), files.key(us)) if us else (None, None)
    return tls_context(ca=files.crt(ca), certificate=certificate, key=key, pins=frozenset(pins))


async def test_both_prove_who_they_are(files: Files) -> None:
    async with model_server(files) as (url, seen):
        assert await asked(url, context(files)) == 200
        assert await asked(url, context(files, "ca", "clients-us", "0" * 64, files.pin("server"))) == 200
        assert len(seen) == 2


@pytest.mark.parametrize(
    ("ca", "us", "pinned", "error"),
    [
        ("ca", "", "", (UpstreamRefusesUs, UpstreamProtocolError)),  # a reset may overtake the alert
        ("ca", "others-us", "", (UpstreamRefusesUs, UpstreamProtocolError)),
        ("stranger", "clients-us", "", UpstreamUntrusted),
        ("ca", "clients-us", "stranger", UpstreamUntrusted),
    ],
)
async def test_what_is_not_proven_is_told_and_nothing_is_answered(
    files: Files, ca: str, us: str, pinned: str, error: type[PeerError] | tuple[type[PeerError], ...]
) -> None:
    pins = [files.pin(pinned)] if pinned else []
    async with model_server(files) as (url, seen):
        with pytest.raises(error) as raised:
            await asked(url, context(files, ca, us, *pins))
        assert seen == []
    assert "upstream.tls" in raised.value.next_step


async def test_an_older_tls_is_not_spoken(files: Files) -> None:
    async with model_server(files, version=ssl.TLSVersion.TLSv1_2) as (url, seen):
        with pytest.raises(UpstreamUnreachable):
            await asked(url, context(files))
        assert seen == []
