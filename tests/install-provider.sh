#!/bin/sh
# The OpenID provider of the end-to-end tests runs on node. Installed where that is possible; otherwise those tests are skipped.
cd "$(dirname "$0")/e2e/provider"
[ -d node_modules/oidc-provider ] && exit 0
if ! command -v npm >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "· node, for the tests that sign in with a provider"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm; } >/dev/null 2>&1
fi
command -v npm >/dev/null 2>&1 && npm ci --silent --no-audit --no-fund --ignore-scripts && exit 0
echo "· the test provider cannot be installed here: the tests that sign in with it will be skipped" >&2
