# The commands of a working day. `just` alone lists them.

_list:
    @just --list --unsorted

# All tests; a snapshot that differs fails
test *ARGS:
    cargo test --workspace {{ARGS}}

# Format and lints, as CI wants them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# The suite against the embedded provider: `just run --only code`
run *ARGS:
    cargo run --release --quiet -- run {{ARGS}}

# Every check and rule is seen to fail
prove *ARGS:
    cargo run --release --quiet -- prove {{ARGS}}

# The embedded provider for other programs: `just serve --http`
serve *ARGS:
    cargo run --release --quiet -- serve {{ARGS}}

# Takes over the snapshots that differ; read the difference under reports/ before you commit it
accept:
    INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo test --workspace

# Wall time and CPU of the suite, and the time from start to the first answer; then what a token costs the provider
bench *ARGS:
    cargo bench --package conformance --bench suite {{ARGS}}
    cargo bench --package reference-server --bench tokens {{ARGS}}

# The suite against a released provider, where its package can be had: `just foreign oidc-provider`
foreign NAME *ARGS:
    cargo build --release --quiet
    conformance/scripts/foreign/run.sh {{NAME}} {{ARGS}}

# A login in a real browser through a real relying party, and a logout that ends its session
browser *ARGS:
    cargo build --release --quiet
    conformance/scripts/browser/run.sh {{ARGS}}

# A device of npm's openid-client, and somebody who says yes to it in a real browser
device:
    cargo build --release --quiet
    conformance/scripts/browser/device.sh

# `touchstone serve --data` is killed in the middle of telling clients, and started again
kill:
    cargo test --package conformance --test it killed -- --nocapture

# All that CI does
ci:
    .ci/run
