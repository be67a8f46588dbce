"""Documents through the real clients: read in the sandbox, inspected, and handed to the real model as text."""

from __future__ import annotations

import base64
import json

import anthropic
import httpx
import openai
import pytest
from tests.adapters.documents import made
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


def test_a_pdf_by_openai_and_anthropic_and_what_cannot_be_read(deployment: Deployment, key: str) -> None:
    seen = made.line("The launch is on Tuesday. Card 4111 1111 1111 1111.")
    data = base64.b64encode(made.pdf(seen + made.line("white words", y=600, colour="1 g"))).decode()
    with httpx.Client(verify=deployment.tls, timeout=120) as http:
        client = openai.OpenAI(base_url=f"{deployment.url}/v1", api_key=key, http_client=http, max_retries=0)
        part = {"type": "file", "file": {"filename": "plan.pdf", "file_data": f"data:application/pdf;base64,{data}"}}
        content = [{"type": "text", "text": "When is the launch?"}, part]
        raw = client.chat.completions.with_raw_response.create(
            model=deployment.model, messages=[{"role": "user", "content": content}], max_tokens=8
        )
        assert raw.parse().usage.prompt_tokens > 40
        assert raw.headers["wardstead-decision"] == "allow; redacted=1"
        assert raw.headers["wardstead-warning"] == '"plan.pdf": hidden text left out (not visible on the page)'
        picture = {"type": "file", "file": {"file_data": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()}}
        with pytest.raises(openai.APIStatusError) as refused:
            client.chat.completions.create(model=deployment.model, messages=[{"role": "user", "content": [picture]}])
        assert (refused.value.status_code, refused.value.code) == (415, "unsupported_document")
    with anthropic.DefaultHttpxClient(verify=deployment.tls, timeout=120) as http:
        claude = anthropic.Anthropic(base_url=deployment.url, api_key=key, http_client=http, max_retries=0)
        block = {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": data},
            "title": "plan.pdf",
        }
        message = claude.messages.create(
            model=deployment.model,
            max_tokens=8,
            messages=[{"role": "user", "content": [block, {"type": "text", "text": "When?"}]}],
        )
        assert message.usage.input_tokens > 40
        broken = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(b"%PDF-1.7 nothing").decode()}
        with pytest.raises(anthropic.BadRequestError, match="broken PDF"):
            claude.messages.create(
                model=deployment.model, max_tokens=8,
                messages=[{"role": "user", "content": [{"type": "document", "source": broken}]}],
            )  # fmt: skip
    exported = deployment.directory / "ledger.json"
    deployment.run("ledger", "export", "--output", str(exported))
    assert "4111 1111 1111 1111" not in exported.read_text()
    assert "4111" not in deployment.logs()
    assert [json.loads(line) for line in exported.read_text().splitlines()]
