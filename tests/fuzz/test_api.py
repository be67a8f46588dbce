"""schemathesis against a running gateway: whatever fits the description or does not, the answer is one that is described.

``WARDSTEAD_FUZZ_EXAMPLES`` says how many examples each operation gets (30 by default; ``make fuzz`` takes 300).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance
from tests.e2e.deployment import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs/reference/openapi.json").read_text())
MODEL = "smollm2"
EXAMPLES = int(os.environ.get("WARDSTEAD_FUZZ_EXAMPLES", "30"))
schemathesis.openapi.format("json", st.sampled_from(["{}", '{"city": "Oslo"}', '{"numbers": [1, 2.5, null]}']))
for operation in DOCUMENT["paths"].values():
    content = operation.get("post", {}).get("requestBody", {}).get("content", {})
    for form in content.values():
        form["schema"]["properties"]["model"] = {"const": MODEL}  # a name that nobody has is another test's
schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def key(gateway: Deployment) -> str:
    return gateway.key("fuzzer", "--role", "user")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize="CI" in os.environ, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_described(case: schemathesis.Case, gateway: Deployment, key: str) -> None:
    response = case.call(base_url=gateway.url, headers={"authorization": f"Bearer {key}"}, verify=gateway.ca_file, timeout=60)
    # The model server has rules of its own about what belongs together: its 400s are described too. Keys: see below.
    excluded = [positive_data_acceptance, ignored_auth]
    if case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER):
        excluded.append(negative_data_rejection)  # a header that nobody knows is nobody's business
    case.validate_response(response, excluded_checks=excluded)


PROTECTED = [
    (method, path)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if operation.get("security") != []
]


@pytest.mark.parametrize("secret", ["", "Bearer ws_nobody_00000000000000000000000000000000", "Basic YWxpY2U6YWxpY2U="])
@pytest.mark.parametrize(("method", "path"), PROTECTED, ids=[path for _, path in PROTECTED])
def test_without_a_valid_key_there_is_nothing(gateway: Deployment, method: str, path: str, secret: str) -> None:
    headers = {"authorization": secret} if secret else {}
    url = gateway.url + path.replace("{", "").replace("}", "")
    response = httpx.request(method, url, headers=headers, json={} if method == "post" else None, verify=gateway.tls)
    assert response.status_code in ({401} if secret.startswith("Bearer") or not secret else {400, 401})
    assert gateway.model not in response.text


def test_after_all_that_it_lives_and_its_record_is_clean(gateway: Deployment) -> None:
    assert gateway.json("status")["running"] is True
    assert gateway.json("ledger", "verify")["ok"] is True
    assert "Traceback" not in gateway.logs()
