#!/bin/sh
# Runs the suite against a provider that others have written: run.sh oidc-provider|glewlwyd [FLAG OF touchstone run..]
#
# Installs the provider, has it started and stopped by its target file, and leaves the record in $PEERS/NAME.json.
# TOUCHSTONE names the binary; else the one that cargo built, built first if there is none.
# Ends as `touchstone run` does. Where the provider cannot be installed it prints SKIPPED and ends with 0.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
. "$here/../peers.sh"

name=${1:-}
case $name in
oidc-provider | glewlwyd) shift ;;
*) echo "usage: $0 oidc-provider|glewlwyd [flag of touchstone run..]" >&2; exit 2 ;;
esac

"$here/$name/install.sh" || skipped "$name cannot be installed on this machine"
touchstone=$(touchstone_binary "$top")
echo "suite against $name, record in $PEERS/$name.json"
exec "$touchstone" run --target "$top/fixtures/targets/$name.toml" --report "json=$PEERS/$name.json" "$@"
