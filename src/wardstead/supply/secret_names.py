"""What people call a secret: of ``aws-access-key`` they say "an AWS access key"."""

from __future__ import annotations

from typing import Final

_SPELT: Final = {
    one.lower(): one
    for one in (
        "1Password", "age", "API", "AppSync", "AppVeyor", "ASAAS", "AWS", "CA", "CircleCI", "ClickHouse", "ClickUp",
        "CockroachDB", "DataStax", "dbt", "DevOps", "DSN", "DigitalOcean", "E2B", "EasyPost", "eBay", "ElevenLabs", "GCP",
        "GitHub", "GitLab", "GoCardless", "HEC", "HMAC", "HubSpot", "IAM", "ID", "IO", "ImageKit", "JetBrains", "JSR", "JWT",
        "LangSmith", "LaunchDarkly", "LinkedIn", "LWA", "MailerSend", "MaxMind", "MongoDB", "MWS", "n8n", "ngrok", "npm",
        "NuGet", "NVIDIA", "OAuth", "OneSignal", "OpenAI", "OpenRouter", "OpenShift", "PagerDuty", "PayPal", "PlanetScale",
        "PostHog", "PyPI", "RubyGems", "RunPod", "SAS", "SendGrid", "SonarQube", "TeamCity", "TikTok", "UpCloud",
        "UptimeRobot", "URL", "WakaTime", "WireGuard", "WorkOS", "xAI",
    )
}  # fmt: skip
_COMMON: Final = frozenset(
    {
        "access", "admin", "and", "application", "auth", "authorization", "automation", "bearer", "blob", "bootstrap", "bot",
        "chat", "client", "cookie", "credentials", "deploy", "documented", "example", "hash", "header", "key", "master",
        "origin", "passphrase", "password", "private", "provider", "refresh", "secret", "server", "session", "spaces",
        "standard", "token", "webhook",
    }
)  # fmt: skip
"""Words, where others are names."""
_UNCOUNTED: Final = frozenset({"auth", "credentials"})
_LETTERS: Final = frozenset("AEFHILMNORSX")
"""Whose names begin with a vowel."""
_SPELT_OUT: Final = frozenset({"npm", "n8n", "xAI"})
_LIKE_YOU: Final = ("uni", "use", "eu", "one")


def called(kind: str) -> str:
    """A type of secret in words, with its article."""
    words = [_SPELT.get(one, one if one in _COMMON else one.capitalize()) for one in kind.split("-")]
    text = " ".join(words)
    return text if words[-1] in _UNCOUNTED else f"{_article(words[0])} {text}"


def _article(word: str) -> str:
    if word.isupper() or word in _SPELT_OUT:
        vowel = word[0].upper() in _LETTERS
    else:
        vowel = word[0].lower() in "aeiou" and not word.lower().startswith(_LIKE_YOU)
    return "an" if vowel else "a"
