#!/bin/sh
# Installs the coding agents that `make e2e-agents` runs, each in the version that its recorded streams are of, into a
# folder of the user's cache, and prints the folder of their programs. Other versions: CODEX=0.170.0 dev/agents.sh
set -eu

codex=${CODEX:-0.169.0}
opencode=${OPENCODE:-1.18.33}
folder=${XDG_CACHE_HOME:-$HOME/.cache}/opsmith/agents/codex-$codex-opencode-$opencode
programs=$folder/node_modules/.bin

if [ ! -x "$programs/codex" ] || [ ! -x "$programs/opencode" ]; then
    printf 'agents: installing codex %s and opencode %s\n' "$codex" "$opencode" >&2
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-audit --no-fund --loglevel error \
        "@openai/codex@$codex" "opencode-ai@$opencode" >&2
fi
for program in codex opencode; do
    # The first start unpacks what it needs; a test's time is not for that.
    "$programs/$program" --version >&2
done
printf '%s\n' "$programs"
