#!/bin/sh
# Runs the suite against a provider that others have written: run.sh NAME [FLAG OF touchstone run..]
#
# NAME is a folder beside this script, and a target file of that name.#
# Installs the provider, has it started and stopped by its target file, and leaves the record in $PEERS/NAME.json.
# TOUCHSTONE names the binary; else the one that cargo built, built first if there is none.
# Ends as `touchstone run` does. Where the provider cannot be installed it prints SKIPPED and ends with 0.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
. "$here/../peers.sh"

name=${1:-}
if [ -z "$name" ] || [ ! -x "$here/$name/install.sh" ]; then
  echo "usage: $0 NAME [flag of touchstone run..], NAME being one of: $(cd "$here" && echo */ | tr -d /)" >&2
  exit 2
fi
shift

"$here/$name/install.sh" || skipped "$name cannot be installed on this machine"
touchstone=$(touchstone_binary "$top")
echo "suite against $name, record in $PEERS/$name.json"
exec "$touchstone" run --target "$top/fixtures/targets/$name.toml" --report "json=$PEERS/$name.json" "$@"
