#!/bin/sh
# Makes sure that SoftHSM2 and OpenSSH's client are installed: by apt when that is allowed, else says what to install.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
wanted=
command -v softhsm2-util >/dev/null 2>&1 || wanted="$wanted softhsm2"
command -v ssh-keygen >/dev/null 2>&1 || wanted="$wanted openssh-client"
[ -n "$wanted" ] || exit 0

by_hand() {
    echo "missing:$wanted. To get it: apt-get install$wanted (or what your system calls it), as root" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || by_hand
if [ "$(id -u)" = 0 ]; then
    as_root=env
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    by_hand
fi
echo "installing$wanted by apt"
install() {
    # shellcheck disable=SC2086  # both are lists
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $wanted </dev/null >/dev/null 2>&1
}
# A fresh machine has no package lists yet.
install || { $as_root apt-get update -q </dev/null >/dev/null 2>&1; install; } || by_hand
