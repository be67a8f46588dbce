"""Programs, libraries and models by their usual names: to a model that was made for messages, many of them look like people."""

from __future__ import annotations

import re
from typing import Final

_PROGRAMS: Final = """
airflow ansible anthropic apache argocd arduino authlib autogen axios babel bazel bitbucket bitnami blazor bookworm bootstrap
bullseye caddy celery ceph certbot chatgpt chromium cilium clojure cloudflare codex consul copilot couchdb cypress dagster dask
databricks debian deepseek deno django docker dropwizard drupal duckdb elasticsearch elixir emacs erlang eslint etcd fastapi
fedora firefox flask flink fluentd flutter gatsby gemma gensim gentoo gerrit gitlab gnome golang gpt gradle grafana graphql
groovy guava gunicorn hadoop haproxy hashicorp haskell heroku hetzner hibernate homebrew hugo influxdb istio jaeger jammy
javascript jekyll jetty jinja jira joomla jquery junit jupyter karpenter keras keycloak kibana kotlin kubernetes kustomize
langchain laravel llama logstash lucene macos magento mailhog mariadb matplotlib maven memcached metabase minio mistral mixtral
mocha mockito mongo mongodb mypy mysql nagios netlify networkx nginx nodejs nomad notepad numpy nvidia ollama openai openssl
openstack pandas perl php pip plotly podman postfix postgres postgresql powershell prettier prometheus pulumi pycharm pydantic
pytest python pytorch qdrant rabbitmq rancher redhat redis redux rollup rspec scala scikit scipy scrapy seaborn selenium sklearn
solr sonarqube spark splunk sqlalchemy sqlite streamlit suse svelte swagger symfony systemd tailwind tensorflow terraform tomcat
traefik twilio typescript ubuntu uvicorn vagrant valgrind vercel vim vite vmware vscode vue webpack werkzeug wildfly wireshark
wordpress xcode xgboost yarn zabbix zookeeper
"""
_SELDOM_PEOPLE: Final = """
alexa bard camel chef cucumber cursor delphi eureka faker faust gemini jenkins kafka karma loki lombok magnolia meta nexus nova
oracle penpot phoenix presto puppet salt sonar whisper
"""
_OFTEN_PEOPLE: Final = """
ada bruno cassandra claude crystal dart devin hudson jackson jasmine jasper julia luigi pascal ray ruby sage swift travis watson
"""
PROGRAMS: Final = frozenset(_PROGRAMS.split())
SELDOM_PEOPLE: Final = frozenset(_SELDOM_PEOPLE.split())
OFTEN_PEOPLE: Final = frozenset(_OFTEN_PEOPLE.split())
_EVERY: Final = PROGRAMS | SELDOM_PEOPLE | OFTEN_PEOPLE
_NEAR: Final = 80
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_BEFORE: Final = re.compile(r"([^\W\d_]{2,})(?:, ?|/| ?\+ ?| (?:and|or|und|et|y) |, (?:and|or) )$")
_AFTER: Final = re.compile(r"(?:, ?|/| ?\+ ?| (?:and|or|und|et|y) |, (?:and|or) )([^\W\d_]{2,})")


def is_program(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is nothing but names of programs.

    One that people bear, too, is one where a program is near; a usual given name, where it is listed with one.
    """
    words = {word.lower() for word in _WORD.findall(text[start:end])}
    if not words or not words <= _EVERY:
        return False
    if not words.isdisjoint(PROGRAMS):
        return True
    before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
    if words.isdisjoint(OFTEN_PEOPLE):
        return any(word.lower() in PROGRAMS for word in _WORD.findall(f"{before} {after}"))
    beside = (_BEFORE.search(before), _AFTER.match(after))
    return any(one is not None and one[1].lower() in PROGRAMS | SELDOM_PEOPLE for one in beside)
