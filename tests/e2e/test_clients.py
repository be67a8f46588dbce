"""The client libraries that people use, unchanged, over TLS, with the real model behind."""

from __future__ import annotations

import json
import ssl
import subprocess
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from langchain_openai import ChatOpenAI
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather of a city", "parameters": WEATHER}}
ASK = [{"role": "user", "content": "Say hello in five words."}]


@pytest.fixture(scope="module")
def http(deployment: Deployment) -> httpx.Client:
    return httpx.Client(verify=ssl.create_default_context(cafile=deployment.ca_file), timeout=120)


@pytest.fixture(scope="module")
def client(deployment: Deployment, key: str, http: httpx.Client) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{deployment.url}/v1", api_key=key, http_client=http, max_retries=0)


@pytest.fixture(scope="module")
def claude(deployment: Deployment, key: str) -> anthropic.Anthropic:
    context = ssl.create_default_context(cafile=deployment.ca_file)
    return anthropic.Anthropic(base_url=deployment.url, api_key=key, http_client=httpx_client(anthropic, context), max_retries=0)


def httpx_client(library: Any, context: ssl.SSLContext) -> Any:
    return library.DefaultHttpxClient(verify=context, timeout=120)


@pytest.fixture(scope="module")
def llama(deployment: Deployment, key: str) -> ollama.Client:
    context = ssl.create_default_context(cafile=deployment.ca_file)
    return ollama.Client(host=deployment.url, headers={"authorization": f"Bearer {key}"}, verify=context, timeout=120)


def test_openai_completes_and_names_the_receipt(
    client: openai.OpenAI, deployment: Deployment, key: str, http: httpx.Client
) -> None:
    raw = client.chat.completions.with_raw_response.create(model=deployment.model, messages=ASK, max_tokens=16)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    receipt = raw.headers["wardstead-receipt"]
    assert raw.headers["wardstead-decision"].startswith("allow")
    assert raw.headers["wardstead-label"]
    found = http.get(f"{deployment.url}/ledger/receipt/{receipt}", headers={"authorization": f"Bearer {key}"})
    assert found.status_code == 200
    assert found.json()


def test_openai_streams_with_usage(client: openai.OpenAI, deployment: Deployment) -> None:
    stream = client.chat.completions.create(
        model=deployment.model, messages=ASK, max_tokens=24, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert chunks[-1].usage is not None
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]


def test_openai_calls_a_tool(client: openai.OpenAI, deployment: Deployment) -> None:
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    whole = client.chat.completions.create(
        model=deployment.model, messages=ask, tools=[TOOL], tool_choice="required", max_tokens=64, temperature=0
    )
    call = (whole.choices[0].message.tool_calls or [])[0]
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)
    streamed = client.chat.completions.create(
        model=deployment.model, messages=ask, tools=[TOOL], tool_choice="required", max_tokens=64, temperature=0, stream=True
    )
    pieces = [t for chunk in streamed if chunk.choices for t in (chunk.choices[0].delta.tool_calls or [])]
    assert json.loads("".join(p.function.arguments or "" for p in pieces))["city"]


def test_openai_answers_with_a_schema_and_logprobs(client: openai.OpenAI, deployment: Deployment) -> None:
    city = {"type": "string", "enum": ["Lisbon", "Porto"]}  # so that even a small model comes to an end
    schema = {"type": "json_schema", "json_schema": {"name": "w", "schema": {**WEATHER, "properties": {"city": city}}}}
    answer = client.chat.completions.create(model=deployment.model, messages=ASK, response_format=schema, max_tokens=48)
    assert "city" in json.loads(answer.choices[0].message.content or "")
    answer = client.chat.completions.create(model=deployment.model, messages=ASK, logprobs=True, top_logprobs=2, max_tokens=8)
    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.content


def test_openai_completions_embeddings_and_models(client: openai.OpenAI, deployment: Deployment) -> None:
    answer = client.completions.create(model=deployment.model, prompt="Once upon a time", max_tokens=8)
    assert answer.choices[0].text
    vectors = client.embeddings.create(model=deployment.model, input=["one", "two"])
    assert len(vectors.data) == 2
    assert len(vectors.data[0].embedding) > 100
    assert deployment.model in [model.id for model in client.models.list()]


def test_openai_raises_its_own_errors(client: openai.OpenAI, deployment: Deployment, http: httpx.Client) -> None:
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{deployment.url}/v1", api_key="ws_wrong", http_client=http).models.list()
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nope", messages=ASK)
    with pytest.raises(openai.BadRequestError, match="messages"):
        client.chat.completions.create(model=deployment.model, messages="hello")  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError, match="nonsense_field"):
        client.chat.completions.create(model=deployment.model, messages=ASK, extra_body={"nonsense_field": 1})


def test_a_secret_is_redacted_and_a_private_key_is_refused(client: openai.OpenAI, deployment: Deployment) -> None:
    card = "My card is 4111 1111 1111 1111, please repeat it."
    raw = client.chat.completions.with_raw_response.create(
        model=deployment.model, messages=[{"role": "user", "content": card}], max_tokens=16
    )
    assert "redacted=1" in raw.headers["wardstead-decision"]
    assert "4111" not in (raw.parse().choices[0].message.content or "")
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
    refused = client.chat.completions.create(model=deployment.model, messages=[{"role": "user", "content": pem}])
    assert refused.choices[0].finish_reason == "content_filter"
    assert "Wardstead" in (refused.choices[0].message.content or "")


def test_anthropic_completes_streams_calls_tools_and_raises(claude: anthropic.Anthropic, deployment: Deployment) -> None:
    answer = claude.messages.create(model=deployment.model, max_tokens=16, messages=ASK, system="Be brief.")
    assert answer.content[0].type == "text"
    assert answer.content[0].text
    with claude.messages.stream(model=deployment.model, max_tokens=16, messages=ASK) as stream:
        assert "".join(stream.text_stream)
        assert stream.get_final_message().usage.output_tokens > 0
    tool = {"name": "get_weather", "description": "The weather of a city", "input_schema": WEATHER}
    called = claude.messages.create(
        model=deployment.model, max_tokens=64, tools=[tool], tool_choice={"type": "any"},
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
    )  # fmt: skip
    assert [block for block in called.content if block.type == "tool_use"]
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="nope", max_tokens=16, messages=ASK)
    with pytest.raises(anthropic.AuthenticationError):
        claude.with_options(api_key="ws_wrong").messages.create(model=deployment.model, max_tokens=16, messages=ASK)


def test_ollama_chats_generates_streams_lists_and_raises(llama: ollama.Client, deployment: Deployment) -> None:
    assert llama.chat(deployment.model, messages=ASK, options={"num_predict": 16}).message.content
    pieces = list(llama.chat(deployment.model, messages=ASK, options={"num_predict": 16}, stream=True))
    assert "".join(piece.message.content or "" for piece in pieces)
    assert pieces[-1].done
    assert llama.generate(deployment.model, "Once upon a time", options={"num_predict": 8}).response
    assert deployment.model in [model.model for model in llama.list().models]
    with pytest.raises(ollama.ResponseError) as raised:
        llama.chat("nope", messages=ASK)
    assert raised.value.status_code == 404


def test_langchain_completes_and_streams(deployment: Deployment, key: str, http: httpx.Client) -> None:
    chat = ChatOpenAI(
        model=deployment.model, base_url=f"{deployment.url}/v1", api_key=key, http_client=http, max_tokens=16  # type: ignore[arg-type]
    )  # fmt: skip
    assert chat.invoke("Say hello.").content
    assert "".join(str(piece.content) for piece in chat.stream("Say hello."))


def test_curl_verifies_tls_1_3_and_gets_an_answer(deployment: Deployment, key: str) -> None:
    body = json.dumps({"model": deployment.model, "messages": ASK, "max_tokens": 8})
    done = subprocess.run(
        ["curl", "-sS", "-v", "--tlsv1.3", "--cacert", deployment.ca_file, "-H", f"Authorization: Bearer {key}",
         "-H", "Content-Type: application/json", "-d", body, f"{deployment.url}/v1/chat/completions"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["choices"][0]["message"]["content"]
    assert "TLSv1.3" in done.stderr
    older = subprocess.run(
        ["curl", "-sS", "--tls-max", "1.2", "--cacert", deployment.ca_file, f"{deployment.url}/healthz"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert older.returncode != 0


def test_no_prompt_and_no_key_is_in_a_log(deployment: Deployment, key: str, client: openai.OpenAI) -> None:
    client.chat.completions.create(
        model=deployment.model, messages=[{"role": "user", "content": "xylophone-7731-marker"}], max_tokens=4
    )
    logs = deployment.logs()
    assert "xylophone-7731-marker" not in logs
    assert key not in logs
    assert deployment.admin_secret not in logs
