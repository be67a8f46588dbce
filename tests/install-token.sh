#!/bin/sh
# The tests of keys in a PKCS#11 token use SoftHSM. Installed where that is possible; otherwise those tests say why they were skipped.
command -v softhsm2-util >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "· SoftHSM, for the tests of keys in a token"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends softhsm2; } >/dev/null 2>&1 && exit 0
fi
echo "· SoftHSM is not installed and cannot be installed here: the tests of keys in a token will be skipped" >&2
