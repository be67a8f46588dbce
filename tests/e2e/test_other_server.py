"""The same application on uvicorn: nothing in the gateway depends on the server that carries it (docs/adr/0003)."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from tests.e2e.faulty import Faulty, faulty_deployment, until
from tests.ports import free_port

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.processes.worker import assembled

pytestmark = pytest.mark.e2e


class Running:
    """uvicorn in a thread of its own, over a deployment that is not up."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory, self._port = directory, port
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        async with assembled(Deployment(self._directory, {})) as gateway:
            tls = self._directory / "tls"
            self._server = uvicorn.Server(
                uvicorn.Config(
                    gateway, port=self._port, lifespan="off", log_level="critical",
                    ssl_certfile=tls / "server.crt", ssl_keyfile=tls / "server.key",
                )
            )  # fmt: skip
            await self._server.serve()

    def __enter__(self) -> None:
        self._thread.start()
        until("uvicorn is up", lambda: self._server is not None and self._server.started)

    def __exit__(self, *_error: object) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(20)


@pytest.fixture(scope="module")
def on_uvicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    folder, port = tmp_path_factory.mktemp("uvicorn") / "deployment", free_port()
    with faulty_deployment(folder, real_model=False, server={"port": port}) as faulty:
        faulty.made = replace(faulty.made, port=port)
        assert faulty.key
        with Running(faulty.made.directory, faulty.made.port):
            yield faulty


def test_a_streamed_answer_is_whole_and_recorded(on_uvicorn: Faulty) -> None:
    answer = on_uvicorn.ask("fine")
    assert answer.whole
    assert on_uvicorn.outcome(answer.receipt) == "completed"


@pytest.mark.parametrize("stream", [True, False])
def test_a_broken_answer_is_broken_for_the_client_too(on_uvicorn: Faulty, stream: bool) -> None:
    answer = on_uvicorn.ask("early-close", stream=stream)
    assert "[DONE]" not in answer.text
    assert answer.status == 502 or answer.text.endswith("<broken>")
    assert on_uvicorn.outcome(answer.receipt) == "upstream_failed"


@pytest.mark.parametrize("model", ["fine", "stall", "sleep"])
def test_a_client_that_leaves_stops_the_model_server(on_uvicorn: Faulty, model: str) -> None:
    with on_uvicorn.listening(model) as (client, prompt):
        until("the model server is asked", lambda: bool(on_uvicorn.visit(prompt)))
        time.sleep(0.3)
        client.close()
    until("the model server sees it", lambda: on_uvicorn.visit(prompt)["left"] is not None, 10)
    assert on_uvicorn.visit(prompt)["left"] is not None


def test_errors_are_the_same(on_uvicorn: Faulty) -> None:
    with httpx.Client(base_url=on_uvicorn.made.url, verify=on_uvicorn.tls) as client:
        body = {"model": "brief", "messages": [{"role": "user", "content": "hi"}]}
        assert client.post("/v1/chat/completions", json=body).status_code == 401
        key = {"authorization": f"Bearer {on_uvicorn.key}"}
        assert client.post("/v1/chat/completions", content=b"{", headers=key).json()["error"]["code"] == "invalid_json"
        assert client.put("/v1/chat/completions", headers=key).headers["allow"] == "POST"
        assert client.get("/healthz").json()["status"] == "ok"
        assert client.get("/console/sign-in").status_code == 200
        assert "uvicorn" in sys.modules
