#!/bin/sh
# Makes sure of the programs that a build, the demo, the tests or the coverage need; installs only what is missing,
# and only as root on Debian or its kin. Elsewhere it says what to install and goes on: what then cannot run says so.
# usage: dev/deps.sh [build|demo|test|agents|web|coverage|fuzz]
set -eu

for_what=${1:-build}
packages=

say() { printf 'deps: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
want() { have "$1" || packages="$packages $2"; }

have_postgres_server() {
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$initdb" ] && return 0
    done
    have initdb
}

# Debian's package makes and starts a database cluster of its own; the tests start theirs.
install_postgres_server() {
    apt-get install -y --no-install-recommends postgresql-common &&
        sed -i -E 's/^#? *(create_main_cluster)\b.*$/\1 = false/' /etc/postgresql-common/createcluster.conf &&
        apt-get install -y --no-install-recommends postgresql
}

# Debian's package starts a server for everybody; the tests start theirs.
install_ssh_server() {
    mkdir -p /etc/ssh && touch /etc/ssh/sshd_not_to_be_run && apt-get install -y --no-install-recommends openssh-server
}

# The tests start a Docker daemon of their own; Debian's package would start one for the whole machine.
install_docker() {
    if have systemctl; then
        systemctl mask docker.service docker.socket containerd.service || true
    fi
    apt-get install -y --no-install-recommends docker.io
}

# Likewise: the tests start a Redis of their own.
install_redis_server() {
    if have systemctl; then
        systemctl mask redis-server.service || true
    fi
    apt-get install -y --no-install-recommends redis-server
}

install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update || return 1
    for package in $packages; do
        case $package in
            postgresql) install_postgres_server ;;
            openssh-server) install_ssh_server ;;
            docker.io) install_docker ;;
            redis-server) install_redis_server ;;
            *) apt-get install -y --no-install-recommends "$package" ;;
        esac || return 1
    done
}

# Coverage is read with the tools of rustc's own LLVM, from rustup or else from a package.
want_coverage_tools() {
    have cargo-llvm-cov || cargo install --quiet --locked cargo-llvm-cov@0.9.1
    [ -x "$(rustc --print target-libdir)/../bin/llvm-cov" ] && return 0
    have rustup && rustup component add llvm-tools && return 0
    llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    want "llvm-cov-$llvm" "llvm-$llvm"
}

case $for_what in
    build | demo | test | agents | web | coverage | fuzz) ;;
    *)
        say "unknown purpose \`$for_what\`: build, demo, test, agents, web, coverage or fuzz"
        exit 2
        ;;
esac

if ! have cargo; then
    say 'cargo is missing: install Rust with rustup (https://rustup.rs), then open a new shell'
    exit 1
fi

want git git
want cc build-essential
# libFuzzer, which its crate builds.
[ "$for_what" != fuzz ] || want c++ build-essential
case $for_what in
    agents) want npm npm ;;
    web)
        want npm npm
        want chromium chromium
        # Chromium alone brings no letters.
        [ -d /usr/share/fonts/truetype/dejavu ] || packages="$packages fonts-dejavu-core"
        ;;
esac
case $for_what in
    demo | agents | test | web | coverage) want bwrap bubblewrap ;;
esac
case $for_what in
    agents | test | coverage)
        want python3 python3
        python3 -c 'import ensurepip' 2>/dev/null || packages="$packages python3-venv"
        ;;
esac
case $for_what in
    test | coverage)
        want dockerd docker.io
        want redis-server redis-server
        want npm npm
        want busybox busybox-static
        want gpg gnupg
        # Completion and manual pages are tested in each.
        want zsh zsh
        want fish fish
        want man man-db
        # Not in the PATH of ordinary users.
        [ -x /usr/sbin/sshd ] || want sshd openssh-server
        have_postgres_server || packages="$packages postgresql"
        ;;
esac
if [ "$for_what" = coverage ]; then
    want_coverage_tools
fi
packages=${packages# }

if [ -z "$packages" ]; then
    :
elif [ "$(id -u)" -eq 0 ] && have apt-get; then
    say "installing $packages"
    # Standard output is the caller's, for what the chore itself prints.
    install_packages >&2 || say "could not install $packages; going on without"
elif have apt-get; then
    say "missing: $packages; install with: sudo apt-get update && sudo apt-get install -y $packages"
else
    say "missing: $packages; install them (Debian's package names) with your system's package manager"
fi

case $for_what in
    agents | test | coverage)
        dev/tools.sh act
        dev/octokit.sh
        ;;
esac
