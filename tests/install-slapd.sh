#!/bin/sh
# The tests that read a directory do so from OpenLDAP's server. Installed where that is possible; otherwise those tests are skipped.
have() { command -v ldapsearch >/dev/null 2>&1 && { command -v slapd >/dev/null 2>&1 || [ -x /usr/sbin/slapd ]; }; }
have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "· slapd, for the tests that read a directory"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slapd ldap-utils; } >/dev/null 2>&1
  have && exit 0
fi
echo "· slapd cannot be installed here: the tests that read a directory will be skipped" >&2
