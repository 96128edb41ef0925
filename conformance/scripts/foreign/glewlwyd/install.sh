#!/bin/sh
# Debian's glewlwyd. Exits 1 where it cannot be had.
set -eu
. "$(dirname "$0")/../../peers.sh"
# Its own set-up of a database fails without a terminal; ours is a file of our own.
command -v debconf-set-selections >/dev/null && [ "$(id -u)" = 0 ] &&
  echo 'glewlwyd glewlwyd/config_type select No configuration' | debconf-set-selections
need_debian glewlwyd dbconfig-no-thanks sqlite3 rnbyc curl python3
