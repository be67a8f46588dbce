"""What a stranger does first: one chat with the real ``openai`` client, through the gateway that ``make run`` started."""

from __future__ import annotations

import os
import ssl
import sys

import httpx
import openai


def main() -> int:
    """0 when the answer, its receipt and its label are there."""
    context = ssl.create_default_context(cafile=os.environ["WARDSTEAD_CA"])
    client = openai.OpenAI(
        base_url=f"https://localhost:{os.environ['WARDSTEAD_PORT']}/v1",
        api_key=os.environ["WARDSTEAD_KEY"],
        http_client=httpx.Client(verify=context, timeout=120),
    )
    model = client.models.list().data[0].id
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Hello! Who are you?"}], max_tokens=24
    )
    text = raw.parse().choices[0].message.content
    print(f"{model} says: {text!r}")
    print({name: raw.headers[name] for name in ("wardstead-receipt", "wardstead-decision", "wardstead-label")})
    return 0 if text else 1


if __name__ == "__main__":
    sys.exit(main())
