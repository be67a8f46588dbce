#!/bin/sh
# The browser tests use Debian's chromium. Installed where that is possible; otherwise those tests say why they were skipped.
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "· chromium, for the browser tests"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 && exit 0
fi
echo "· chromium is not installed and cannot be installed here: the browser tests will be skipped" >&2
