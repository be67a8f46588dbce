#!/bin/sh
# The tests of the second store start PostgreSQL for themselves. Installed where that is possible; otherwise those tests are skipped.
have() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1; }
have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "· PostgreSQL, for the tests of the second store"
  # No cluster of the system's is made: the tests have their own.
  [ -e /etc/postgresql-common/createcluster.conf ] || { mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf; }
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; } >/dev/null 2>&1
  have && exit 0
fi
echo "· PostgreSQL cannot be installed here: the tests of the second store will be skipped" >&2
