"""Secrets: how many made-up credentials are found, and how many documents without any are flagged.

Positives: every form of ``tokens`` in several of the contexts below. Negatives: the same contexts with what only looks like a
secret. Benign documents: the standard library, what is installed, this repository's documentation, the shared benign sets.
"""

from __future__ import annotations

import json
import random
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bench.quality.scoring import Document, Span
from bench.quality.tokens import MARKED, NAMED, made

CONTEXTS: Final = {
    "env": "DB_HOST=db\n{NAME}_TOKEN={v}\nDEBUG=1\n",
    "export": "#!/bin/sh\nexport {NAME}_API_KEY='{v}'\n./run\n",
    "json": '{{"host": "acme", "{name}_api_key": "{v}", "retries": 3}}',
    "yaml": "services:\n  {name}:\n    apiKey: {v}\n    timeout: 30\n",
    "python": 'import {name}\n\nclient = {name}.Client(api_key="{v}")\n',
    "java": 'private static final String {NAME}_SECRET = "{v}";\n',
    "javascript": "const {name}Token = '{v}';\nmodule.exports = {{ {name}Token }};\n",
    "go": 'os.Setenv("{NAME}_TOKEN", "{v}")\n',
    "terraform": 'variable "{name}_token" {{\n  default = "{v}"\n}}\n',
    "dockerfile": "FROM python:3.12\nENV {NAME}_TOKEN={v}\nRUN make\n",
    "ci": "env:\n  - name: {NAME}_TOKEN\n    value: {v}\n",
    "header": "curl -H 'Authorization: Bearer {v}' https://api.{name}.com/v1/items\n",
    "url": "GET https://api.{name}.com/v1/items?api_key={v}&page=2\n",
    "log": "2026-03-12 10:00:01 DEBUG {name} request token={v} status=401\n",
    "prose": "Hi, the {name} API key is {v} - please do not share it.\n",
    "ini": "[{name}]\nsecret_key = {v}\nregion = eu\n",
    "xml": "<settings><{name}ApiKey>{v}</{name}ApiKey></settings>\n",
    "diff": '@@ -1 +1 @@\n-    token = "old"\n+    {name}_token = "{v}"\n',
    "bare": "here it is:\n{v}\n",
}  # fmt: skip
_WHOLE: Final = re.compile(r"[\n ;{]|://")
"""What is more than a value stands by itself."""

PASSWORDS: Final = (
    "Summer2024!", "hunter2", "P@ssw0rd1", "Tr0ub4dor&3", "dragon77", "correct-horse-battery-9", "iloveyou2", "Winter#19", "q1w2e3r4t5", "MyS3cretPa55",
    "letmein99", "Xk29vQm4", "zR8!kLp0#w", "Acme2023$prod", "s3cr3tK3y", "monkey_42!", "9f8e7d6c5b4a", "BlueSky-1987", "n0tAdm1n!", "kJ7^tR2*bN",
)  # fmt: skip
PASSWORD_CONTEXTS: Final = {
    "properties": "spring.datasource.username=app\nspring.datasource.password={v}\n",
    "yaml": "database:\n  user: app\n  password: {v}\n",
    "quoted yaml": 'ansible_ssh_pass: "{v}"\n',
    "json": '{"user": "app", "password": "{v}"}',
    "python": "DB_PASSWORD = '{v}'\n",
    "python call": "conn = connect(host='db', user='app', password='{v}')\n",
    "python auth": "requests.get(url, auth=('svc', '{v}'))\n",
    "php": "$db_pass = '{v}';\n",
    "php define": "define('DB_PASSWORD', '{v}');\n",
    "php connect": "mysqli_connect('db.acme.io', 'app', '{v}', 'shop');\n",
    "perl": 'my $password = "{v}";\n',
    "java": 'ds.setPassword("{v}");\n',
    "c": '#define DB_PASSWORD "{v}"\n',
    "c#": 'new NetworkCredential("svc", "{v}");\n',
    "sql": "CREATE USER 'app'@'%' IDENTIFIED BY '{v}';\n",
    "postgres": "ALTER ROLE app WITH LOGIN PASSWORD '{v}';\n",
    "powershell": 'ConvertTo-SecureString "{v}" -AsPlainText -Force\n',
    "docker": "docker run -e MYSQL_ROOT_PASSWORD={v} mysql:8\n",
    "helm": "helm install db bitnami/mysql --set auth.rootPassword={v}\n",
    "sudo": "echo '{v}' | sudo -S apt update\n",
    "sshpass": "sshpass -p '{v}' ssh root@web1\n",
    "mysql": "mysql -u root -p'{v}' shop\n",
    "curl": "curl -u admin:'{v}' https://api.acme.io/\n",
    "wget": "wget --user=svc --password='{v}' https://acme.io/f\n",
    "url": "ftp://svc:{u}@ftp.acme.io/in\n",
    "odbc": "Driver={ODBC Driver 18};Server=db;Uid=svc;Pwd={v};\n",
    "wifi": 'network={\n ssid="acme"\n psk="{v}"\n}\n',
    "my.cnf": "[client]\nuser=root\npassword={v}\n",
    "xml": '<property name="password" value="{v}"/>\n',
    "xml element": "<password>{v}</password>\n",
    "tomcat": '<user username="admin" password="{v}" roles="manager"/>\n',
    "mail": "Hi, the login is jane and the password is {v}\n",
    "chat": "user: jane\npass: {v}\n",
    "german": "Das Passwort lautet {v}\n",
    "french": "mot de passe : {v}\n",
    "spanish": "contraseña: {v}\n",
    "env": "SMTP_PASS={v}\n",
    "windows": "net use Z: \\\\srv\\share /user:svc {v}\n",
    "ruby": 'password: "{v}",\n',
    "javascript": "const config = { user: 'app', password: '{v}' };\n",
    "terraform": 'master_password = "{v}"\n',
    "ini": "[smtp]\nuser = svc\npasswd = {v}\n",
}  # fmt: skip

LOOKALIKES: Final = (
    "your-{name}-token-here", "<your-api-key>", "xxxxxxxxxxxxxxxxxxxxxxxx", "${{{NAME}_TOKEN}}", "{{{{ {name}_token }}}}", "changeme",
    "REPLACE_ME", "os.environ['{NAME}_TOKEN']", "process.env.{NAME}_TOKEN", "********", "TODO", "example_{name}_key", "None", "null",
    "$(vault read -field=key secret/{name})", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}", "1234567890", "test",
    "get_secret('{name}/token')", "%{NAME}_TOKEN%", "insert-token", "settings.{NAME}_TOKEN", "op://vault/{name}/token",
)  # fmt: skip
HARMLESS: Final = (
    "commit <40h>\nAuthor: Jane <jane@acme.io>\n", "sha256:<64h>  app.tar.gz\n", '"integrity": "sha512-<86s>=="\n', "request-id: uuid\n",
    'ETag: "<32h>"\n', "background: url(data:image/png;base64,iVBORw0KGgo<80s>)\n", "index <7h>..<7h> 100644\n",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI<43s> jane@laptop\n", "-----BEGIN CERTIFICATE-----\nMIID<60s>\n-----END CERTIFICATE-----\n",
    "-----BEGIN PUBLIC KEY-----\nMIIB<60s>\n-----END PUBLIC KEY-----\n", "image: acme/app@sha256:<64h>\n", "pk_test_<24>\n", "trace_id=<32h> span_id=<16h>\n",
    'checksum = "<64h>"\n', "GUID uuid was not found\n", "<40h> refs/heads/main\n", "wallet 0x<40h>\n", "md5: <32h>\n",
    'name = "acme"\nversion = "1.0.0"\nsource = "registry"\nchecksum = "<64h>"\n', "go.sum: github.com/acme/x v1.2.3 h1:<43s>=\n",
)  # fmt: skip


def positives(per_form: int = 6, seed: int = 11) -> list[Document]:
    """Documents that hold one credential each; ``source`` says the context, the span the provider."""
    rng = random.Random(seed)
    out = []
    for provider, shapes in (*MARKED.items(), *NAMED.items()):
        for shape in shapes:
            whole = _WHOLE.search(made(shape, rng)) is not None
            named = provider in NAMED
            contexts = [one for one in CONTEXTS if not (named and one == "bare")]
            for context in ["whole"] if whole else rng.sample(contexts, per_form):
                value = made(shape, rng)
                out.append(_document(context, provider, value))
            if whole:
                for _ in range(per_form - 1):
                    out.append(_document("whole", provider, made(shape, rng)))
    return out


def _document(context: str, provider: str, value: str) -> Document:
    if context == "whole":
        return Document(
            context, f"# {provider}\n{value}\n", (Span(provider, 2 + len(provider) + 1, 3 + len(provider) + len(value)),)
        )
    name = re.sub(r"[^a-z0-9]", "_", provider)
    before, after = CONTEXTS[context].split("{v}")
    start = before.format(NAME=name.upper(), name=name)
    return Document(
        context,
        start + value + after.format(NAME=name.upper(), name=name),
        (Span(provider, len(start), len(start) + len(value)),),
    )


def passwords(seed: int = 14) -> list[Document]:
    """Passwords as people choose them, where passwords stand."""
    rng = random.Random(seed)
    out = []
    for context, text in PASSWORD_CONTEXTS.items():
        for value in rng.sample(PASSWORDS, 10):
            written = quote(value, safe="") if "{u}" in text else value
            before, after = re.split(r"\{[vu]\}", text)
            out.append(
                Document(
                    f"password in {context}",
                    before + written + after,
                    (Span("password", len(before), len(before) + len(written)),),
                )
            )
    return out


def negatives(seed: int = 12) -> list[Document]:
    """The same contexts with what only looks like a secret, and what is random without being one."""
    rng = random.Random(seed)
    out = []
    for provider in ("github", "stripe", "datadog", "openai", "acme"):
        for context, text in CONTEXTS.items():
            for fake in rng.sample(LOOKALIKES, 6):
                value = fake.format(NAME=provider.upper(), name=provider)
                out.append(
                    Document(
                        f"placeholder in {context}",
                        text.replace("{v}", "\0").format(NAME=provider.upper(), name=provider).replace("\0", value),
                    )
                )
    for shape in HARMLESS:
        out += [Document("random, no secret", made(shape, rng)) for _ in range(8)]
    return out


def benign(data: Path, limit: int = 6000) -> Iterator[Document]:
    """Documents as people have them, without secrets: code, documentation, data, prose."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    site = Path(sysconfig.get_paths()["purelib"])
    wanted = {
        ".py",
        ".md",
        ".txt",
        ".rst",
        ".json",
        ".js",
        ".toml",
        ".yaml",
        ".yml",
        ".html",
        ".css",
        ".c",
        ".h",
        ".pyi",
        ".cfg",
        ".ts",
        ".svg",
        ".xml",
    }
    for source, root in (
        ("standard library", stdlib),
        ("installed packages", site),
        ("this repository", Path(__file__).parents[2] / "docs"),
    ):
        files = sorted(
            file
            for file in root.rglob("*")
            if file.suffix in wanted and file.is_file() and "site-packages" not in file.relative_to(root).parts
        )
        rng = random.Random(13)
        for file in rng.sample(files, min(limit // 3, len(files))):
            text = file.read_text("utf-8", "replace")[:60_000]
            if text.strip():
                yield Document(source, text)
    for file in sorted((data / "benign").glob("*.jsonl")) if data.is_dir() else ():
        for line in file.read_text("utf-8").splitlines():
            yield Document("shared benign sets", "\n".join(_strings(json.loads(line))))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
