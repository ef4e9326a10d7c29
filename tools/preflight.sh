#!/bin/sh
# Says, one line for each, which tools that the build cannot install for itself are missing or too old.
# `preflight.sh python` prints the Python to build with instead.
set -u
cd "$(dirname "$0")/.." || exit 1
PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
python_wanted=3.11
node_wanted=18.0.0
make_wanted=4.0
rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
failed=0

# missing NAME FOUND HOW
missing() {
    echo "missing: $1 (found: $2). To get it: $3" >&2
    failed=1
}

# at_least FOUND WANTED: true when the dotted version FOUND is WANTED or later
at_least() {
    [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# The first number with dots that the command prints
version_of() {
    command -v "$1" >/dev/null 2>&1 || return 0
    "$@" 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9.]*[0-9]\).*$/\1/p' | head -n 1
}

python_with_venv() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        at_least "$(version_of "$candidate" --version)" "$python_wanted" || continue
        "$candidate" -c 'import ensurepip, venv' 2>/dev/null || continue
        command -v "$candidate"
        return 0
    done
    return 1
}

python=$(python_with_venv) || python=
if [ "${1:-}" = python ]; then
    [ -n "$python" ] && echo "$python"
    exit
fi

command -v git >/dev/null 2>&1 || missing git none "apt install git"
found=$(version_of "${MAKE:-make}" --version)
at_least "$found" "$make_wanted" || missing "GNU make >= $make_wanted" "${found:-none}" "apt install make"
command -v cc >/dev/null 2>&1 || missing "a C compiler called cc" none "apt install build-essential"
if [ -z "$python" ]; then
    found=$(version_of python3 --version)
    at_least "$found" "$python_wanted" && found="$found without venv"
    missing "Python >= $python_wanted with venv" "${found:-none}" \
        "apt install python3 python3-venv"
fi
found=$(version_of rustc --version)
at_least "$found" "$rust_wanted" || missing "Rust >= $rust_wanted" "${found:-none}" \
    "https://rustup.rs, then: rustup toolchain install stable"
command -v cargo >/dev/null 2>&1 || missing cargo none "it comes with Rust: https://rustup.rs"
found=$(version_of node --version)
at_least "$found" "$node_wanted" || missing "Node >= $node_wanted" "${found:-none}" "apt install nodejs npm, or https://nodejs.org"
command -v npm >/dev/null 2>&1 || missing npm none "it comes with Node from https://nodejs.org; on Debian: apt install npm"
exit $failed
