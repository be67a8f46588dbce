"""The server's certificate is replaced while an answer streams: it goes on to its end, and new connections see the new one."""

from __future__ import annotations

import hashlib
import socket
import time

import httpx2
from tests.e2e.deployment import Deployment


def served(deployment: Deployment) -> str:
    """The fingerprint of the certificate that a new connection gets."""
    with (
        socket.create_connection(("127.0.0.1", deployment.port), timeout=10) as plain,
        deployment.tls.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return hashlib.sha256(wrapped.getpeercert(binary_form=True) or b"").hexdigest()


def test_an_answer_that_streams_outlives_the_certificate_that_it_began_with(deployment: Deployment, key: str) -> None:
    before, pieces = served(deployment), list[str]()
    body = {"model": deployment.model, "stream": True, "max_tokens": 40, "messages": [{"role": "user", "content": "Hi!"}]}
    with (
        httpx2.Client(verify=deployment.tls, timeout=120, headers={"authorization": f"Bearer {key}"}) as client,
        client.stream("POST", f"{deployment.url}/v1/chat/completions", json=body) as stream,
    ):
        assert stream.status_code == 200
        renewed = deployment.json("tls", "renew")
        assert renewed["act"] == "tls.renewed"
        deadline = time.monotonic() + 120
        while served(deployment) == before:
            assert time.monotonic() < deadline, deployment.logs()[-2000:]
            time.sleep(0.3)
        pieces += stream.iter_lines()
    assert any("[DONE]" in one for one in pieces)
    assert served(deployment) == renewed["fingerprint"]
    status = deployment.json("tls", "status")
    assert (status["server"]["fingerprint"], status["renewed"]) == (renewed["fingerprint"], True)
    assert deployment.json("status")["running"]
    assert deployment.json("tls", "rotate")["act"] == "tls.authority_announced"
    assert [one["issuing"] for one in deployment.json("tls", "status")["authorities"]] == [True, False]
