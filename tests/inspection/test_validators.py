"""Checksums against numbers that the schemes themselves publish for tests, and against altered ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.validators import VALIDATORS


@pytest.mark.parametrize(
    ("name", "text", "real"),
    [
        ("payment-card", "4111111111111111", 16),
        ("payment-card", "4111 1111 1111 1111 123", 19),
        ("payment-card", "4012888888881881", 16),
        ("payment-card", "5105105105105100", 16),
        ("payment-card", "2223003122003222", 16),
        ("payment-card", "371449635398431", 15),
        ("payment-card", "6011111111111117", 16),
        ("payment-card", "3530111333300000", 16),
        ("payment-card", "30569309025904", 14),
        ("payment-card", "1234 5678 9012 3456", 0),
        ("iban", "BE68 5390 0754 7034 paid now", 19),
        ("iban", "BE68 5390 0754 70345", 0),
        ("iban", "MT84MALT011000012345MTLCAST001S", 31),
        ("iban", "NO93 8601 1117 947", 18),
        ("nhs", "9434765919", 10),
        ("ssn", "123-45-6789", 0),
        ("sin", "046 454 286", 0),
        ("random-looking", "aaaaaaaa1", 0),
        ("random-looking", "9f8e7d6c5b4a39281706", 20),
        ("random-looking", "5fa2b0c1-93de-4c7b-8a16-2f0e7d9b4c38", 36),
        ("random-looking", "bEfZqKvLmTrWxNcYpHsD", 20),
        ("random-looking", "settings.api_key_v2", 0),
        ("random-looking", "base64.b16encode(", 0),
        ("random-looking", "settings.API_KEY", 0),
        ("random-looking", "/ag776CIr8m4w0W3qd05J88M1NkwJqmtR071mdIb", 40),
        ("random-looking", "/run/secrets/token1ab9f8e7d6c5b4", 0),
        ("random-looking", "AgB" + "q7Wx9LmZ2r" * 9, 0),
        ("chosen-password", "Kestrel-Harbor-9417", 19),
        ("chosen-password", "kestrel-harbor-9417", 0),
        ("has-digits", "2652.59", 0),
        ("random-looking", "tokens[", 0),
        ("random-looking", "/etc/ssl/private1.pem", 0),
        ("random-looking", "https://a.example/1", 0),
        ("random-looking", "abcdefghij1234567890", 0),
        ("random-looking", "1234567890&page=2&sort=x1y2z3", 0),
        ("random-looking", "pk_test_TYooMQauvdEDq54NiTphI7jx", 0),
        ("random-looking", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a", 0),
        ("random-mixed", "9f8e7d6c5b4a39281706", 0),
        ("random-mixed", "V1OrganizationExternalKeysPostRequestGcp", 0),
        ("random-mixed", "q7Wx9LmZ2rTk4VbN8pYc", 20),
        ("literal", "{{ secret }}", 0),
        ("literal", "${DB_PASSWORD}", 0),
        ("literal", "$DB_PASSWORD", 0),
        ("literal", "<password>", 0),
        ("literal", "{self.password}", 0),
        ("literal", "os.environ", 0),
        ("literal", "hunter", 6),
        ("token", "AKIAIOSFODNN7EXAMPLE", 20),
        ("token", "AKIAXXXXXXXXXXXXXXXX", 0),
        ("token", "ghp_EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE", 0),
        ("token", "xoxb-your-slack-bot-token", 0),
        ("token", "sk_test_pVkzQfweQUndMKlkrPabAylq", 32),
        ("token", "sk-proj-...", 0),
        ("password", "hunter2", 7),
        ("password", "c0rrectHorse9battery", 20),
        ("password", "Xk!tvqQm", 8),
        ("password", "changeme", 0),
        ("password", "password1", 0),
        ("password", "required!", 0),
        ("password", "required|min:8", 0),
        ("password", "my-secret-name-1", 0),
        ("password", "#dcdccc", 0),
        ("password", "123456789", 0),
        ("spoken-password", "Tr0ub4dor&3", 11),
        ("spoken-password", "sure!thing", 0),
        ("url-password", "scott:t1ger", 11),
        ("url-password", "user:password", 0),
        ("url-password", ":${REDIS_PASSWORD}", 0),
        ("url-password", "Foo!bar", 7),
        ("basic-credentials", "YnVpbGQ6eFIzOHFMMTJ2UHo=", 24),
        ("basic-credentials", "authentication", 0),
        ("basic-credentials", "understanding", 0),
        ("base58-check", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", 51),
        ("base58-check", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTK", 0),
    ],
)
def test_a_validator_says_how_much_is_real(name: str, text: str, real: int) -> None:
    assert VALIDATORS[name](text.encode()) == real


@given(st.integers(0, 15), st.integers(1, 9))
def test_one_wrong_digit_is_no_card(place: int, by: int) -> None:
    digits = list("4111111111111111")
    digits[place] = str((int(digits[place]) + by) % 10)
    assert VALIDATORS["payment-card"]("".join(digits).encode()) == 0


@given(st.integers(4, 21), st.integers(1, 9))
def test_one_wrong_digit_is_no_iban(place: int, by: int) -> None:
    digits = list("DE89370400440532013000")
    digits[place] = str((int(digits[place]) + by) % 10)
    assert VALIDATORS["iban"]("".join(digits).encode()) == 0
