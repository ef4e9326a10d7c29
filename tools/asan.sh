#!/bin/sh
# Run the tests of rust/crypto under AddressSanitizer: unit and integration tests, on every backend of this processor.
#
# RUSTC_BOOTSTRAP=1 as in fuzz.sh. --target keeps the flag from build scripts and macros; overflow checks stay on, as in
# the product. Libraries in C (libsecp256k1, AWS-LC) are not instrumented: what is looked at is the Rust code.
set -eu
cd "$(dirname "$0")/.."
sh tools/sanitizer.sh
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address"
# Nothing is freed at a process's end that a test would miss; leaks are not what this looks for.
export ASAN_OPTIONS="detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export CUSTODY_MUTATIONS="${CUSTODY_MUTATIONS:-5000}"
# Half the time to build, and the same code to look at.
export CARGO_PROFILE_RELEASE_LTO=off
host=$(rustc -vV | sed -n 's/^host: //p')
exec cargo test --release --locked -p custody-crypto --target "$host" --target-dir target/asan --no-fail-fast
