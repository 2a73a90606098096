#!/bin/sh
# Installs the coding agents that `make e2e-agents` runs, each in the version that its recorded streams are of, into a
# folder of the user's cache, and prints the folder of their programs. Other versions: CODEX=0.170.0 dev/agents.sh
# usage: dev/agents.sh [codex|opencode|claude…]   (all of them where none is named)
set -eu

codex=${CODEX:-0.169.0}
opencode=${OPENCODE:-1.18.33}
claude=${CLAUDE:-2.1.197}
folder=${XDG_CACHE_HOME:-$HOME/.cache}/opsmith/agents/codex-$codex-opencode-$opencode-claude-$claude
programs=$folder/node_modules/.bin

[ $# -gt 0 ] || set -- codex opencode claude
for program in "$@"; do
    case $program in
        codex) package=@openai/codex@$codex ;;
        opencode) package=opencode-ai@$opencode ;;
        claude) package=@anthropic-ai/claude-code@$claude ;;
        *)
            printf 'agents: unknown agent `%s`: codex, opencode or claude\n' "$program" >&2
            exit 2
            ;;
    esac
    if [ ! -x "$programs/$program" ]; then
        printf 'agents: installing %s\n' "$package" >&2
        mkdir -p "$folder"
        npm install --prefix "$folder" --no-audit --no-fund --loglevel error "$package" >&2
    fi
    # The first start unpacks what it needs; a test's time is not for that.
    "$programs/$program" --version >&2
done
printf '%s\n' "$programs"
