#!/bin/sh
# Fuzz each target of rust/crypto/fuzz for so many seconds, under AddressSanitizer: fuzz.sh SECONDS
#
# Sanitizers are unstable flags of rustc. RUSTC_BOOTSTRAP=1 gives them to the stable compiler that builds the product, so
# no other toolchain is needed; the precompiled standard library is then the only part that is not instrumented.
set -eu
seconds=$1
cd "$(dirname "$0")/../rust/crypto/fuzz"
sh ../../../tools/sanitizer.sh
export RUSTC_BOOTSTRAP=1
for target in batch sshsig der; do
	echo "== $target, $seconds s"
	cargo fuzz run "$target" --fuzz-dir . --target-dir ../../../target/fuzz -- -max_total_time="$seconds" -print_final_stats=1
done
