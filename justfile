# Thin recipes; CI calls the same ones (.ci/run). What a recipe takes as FLAGS goes to the tool that it calls.

set positional-arguments

# The tests, the bench and ./bootstrap look for the daemon in target/release.
export CARGO_TARGET_DIR := justfile_directory() / "target"

[private]
default:
    @{{ just_executable() }} --list --unsorted

# target/release/openclaw, with the components embedded
build *flags: components
    cargo build --locked --release -p openclaw "$@"

# target/components/*.wasm and the tests' target/fixtures/*.wasm
components:
    scripts/build-components

# formatting and lints; the components, the scripts and the fuzz targets too
check: formatted components
    cargo clippy --locked --workspace --all-targets -- -D warnings
    scripts/check-fuzz

[private]
formatted:
    cargo fmt --all --check
    scripts/check-shell
    scripts/check-width

# formats everything
fmt:
    cargo fmt --all

# every test; the integration tests drive the release daemon (`just test -p openclaw-tests sessions`: some)
test *flags: build
    scripts/run-tests "$@"

# a handler in each language, built by its own toolchain and called; what is missing is installed, or fails
test-languages *flags: build
    OPENCLAW_LANGUAGES=1 scripts/run-tests -p openclaw-tests languages "$@"

# OpenAI's own Python client against the gateway; it is installed into target/clients
compat *flags: build
    OPENCLAW_COMPAT=1 scripts/run-tests -p openclaw-tests models::official "$@"

# a real small language model, served on this machine, through the gateway; it is installed into target/model
e2e-model *flags: build
    OPENCLAW_E2E_MODEL=1 scripts/run-tests -p openclaw-tests models::real "$@"

# the reliability tests in their long form
torture *flags: build
    OPENCLAW_TORTURE=1 scripts/run-tests -p openclaw-tests reliability "$@"

# every fuzz target in turn, a minute in all (`just fuzz 3600`: an hour)
fuzz seconds="60":
    scripts/fuzz {{ seconds }}

# the speed rows, each beside its baseline in the same run; also target/bench.json
bench *flags: build
    cargo run --locked --release -p openclaw-bench -- "$@"

# the documentation of every crate, in target/doc
doc *flags:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps "$@"

# licences, known holes, duplicates and sources of the dependencies (needs cargo-deny)
deny *flags:
    cargo deny check "$@"
