#!/bin/sh
# Say what is missing for AddressSanitizer, and fail: a run that could not look is no run that found nothing.
set -eu
host=$(rustc -vV | sed -n 's/^host: //p')
case $host in
x86_64-unknown-linux-gnu | aarch64-unknown-linux-gnu | x86_64-apple-darwin | aarch64-apple-darwin) ;;
*)
	echo "AddressSanitizer: rustc has none for $host" >&2
	exit 1
	;;
esac
library=$(rustc --print target-libdir)
if ! ls "$library"/librustc*_rt.asan.* >/dev/null 2>&1; then
	echo "AddressSanitizer: this toolchain lacks its runtime (librustc*_rt.asan in $library);" >&2
	echo "rustup's toolchains have it: rustup toolchain install stable" >&2
	exit 1
fi
if [ "$(uname -m)" = x86_64 ] && ! grep -q avx512ifma /proc/cpuinfo 2>/dev/null; then
	echo "AddressSanitizer: this processor has no AVX-512 IFMA, so only the portable backend is looked at" >&2
fi
