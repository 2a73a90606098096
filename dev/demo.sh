#!/bin/sh
# Shows one task from a failing test to a merged pull request, on this machine alone: a small real repository, a bare
# remote, and a recorded agent whose first edit is wrong. Leaves nothing behind.
#
# With AGENT=codex, opencode or claude the agent is that program itself, with builtin the one that needs none. Its model is a
# stub that makes the same two edits, and the check is the repository's own workflow, run by act where `dev/tools.sh act` could
# install it; builtin, which runs the check itself as it works, has a command.
# usage: [AGENT=builtin|codex|opencode|claude] dev/demo.sh   (the binary: $OPSMITH_BIN, else debug/opsmith of the target folder; the
# stub is modelstub beside it)
set -eu

opsmith=${OPSMITH_BIN:-${CARGO_TARGET_DIR:-target}/debug/opsmith}
case $opsmith in
    /*) ;;
    *) opsmith=$PWD/$opsmith ;;
esac

agent=${AGENT:-}
case $agent in
    '' | builtin | codex | opencode | claude) ;;
    *)
        printf 'demo: no agent `%s`: AGENT=builtin, codex, opencode or claude, or none for a recorded one\n' "$agent" >&2
        exit 2
        ;;
esac
dev=$(cd "$(dirname "$0")" && pwd)

room=$(mktemp -d "${TMPDIR:-/tmp}/opsmith-demo.XXXXXX")
server=
model=

# end PID: ends a process of ours, if there is one.
end() {
    if [ -n "$1" ] && kill "$1" 2>/dev/null; then
        wait "$1" 2>/dev/null || true
    fi
}

tidy_up() {
    status=$?
    trap - EXIT HUP INT TERM
    end "$server"
    end "$model"
    if [ "$status" -ne 0 ] && [ -s "$room/server.log" ]; then
        printf '\nthe end of the server log:\n' >&2
        tail -n 20 "$room/server.log" >&2
    fi
    rm -rf "$room"
    exit "$status"
}
trap tidy_up EXIT
trap 'exit 130' HUP INT TERM

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}
# expect WHAT WORD FILE: the file must have the word.
expect() { grep -q -- "$2" "$3" || fail "$1: no \`$2\` in $(cat "$3")"; }

# heard PID PATTERN FILE: waits for a line of the process that fits, and prints what is in its \(…\).
heard() {
    tries=0
    while :; do
        word=$(sed -n "s/$2/\\1/p" "$3")
        [ -z "$word" ] || break
        kill -0 "$1" 2>/dev/null || fail "it ended: $(cat "$3")"
        tries=$((tries + 1))
        [ "$tries" -le 200 ] || fail "it never said that it listens: $(cat "$3")"
        sleep 0.05
    done
    printf '%s\n' "$word"
}

[ -x "$opsmith" ] || fail "there is no binary at $opsmith; build it with \`cargo build -p opsmith\`"
command -v git >/dev/null || fail 'git is not installed'
ampx() { (cd "$room" && "$opsmith" ampx "$@"); }

# Nobody's settings but the demo's.
export OPSMITH_CONFIG="$room/opsmith.toml" OPSMITH_DATA_DIR="$room/data"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
unset AMPX_API_URL OPSMITH_URL DATABASE_URL DATABASE_PATH SERVER_ADDRESS OPSMITH_LOG 2>/dev/null || true

say 'A repository with a failing test, and its bare remote'
git init --quiet --initial-branch=main "$room/work"
cat >"$room/work/sum.sh" <<'END'
#!/bin/sh
# Prints the sum of its arguments.
echo $(($1 - $2))
END
cat >"$room/work/test.sh" <<'END'
#!/bin/sh
# Everything that sum.sh promises.
check() {
    got=$(sh sum.sh "$1" "$2")
    [ "$got" = "$3" ] || { echo "FAIL: $1 + $2 is $3, not $got" >&2; exit 1; }
}
check 2 2 4
check 2 3 5
check -1 1 0
echo 'all sums are right'
END
if [ "$agent" = builtin ]; then
    check=command check_key='command = "sh test.sh"'
elif [ -n "$agent" ]; then
    "$dev/tools.sh" act
    act=$(command -v act || echo "${XDG_CACHE_HOME:-$HOME/.cache}/opsmith/tools/bin/act")
    if [ -x "$act" ]; then
        check=act check_key="act = \"$act\""
    else
        echo 'act is not here; the test is run without the workflow'
        check=command check_key='command = "sh test.sh"'
    fi
    mkdir -p "$room/work/.github/workflows"
    cat >"$room/work/.github/workflows/ci.yml" <<'END'
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - name: sums
      run: sh test.sh
END
fi
git -C "$room/work" add .
git -C "$room/work" -c user.name=Ada -c user.email=ada@example.com commit --quiet -m 'Add sums'
git clone --quiet --bare "$room/work" "$room/remote.git"
(cd "$room/work" && sh test.sh) && fail 'the test should fail at first'

# The agents' tables, and what checks: one is recorded, the others are the programs themselves.
recorded_agent() {
    say 'A recorded agent: its first edit multiplies, its second one, after the failing log, adds'
    cat >"$room/edits.toml" <<'END'
[[attempt]]
say = "Two and two are four, so this must be a product."
[[attempt.edit]]
path = "sum.sh"
content = """
#!/bin/sh
# Prints the sum of its arguments.
echo $(($1 * $2))
"""

[[attempt]]
say = "The log says that 2 and 3 make 5. It is a sum after all."
[[attempt.edit]]
path = "sum.sh"
content = """
#!/bin/sh
# Prints the sum of its arguments.
echo $(($1 + $2))
"""
END
    cat >"$room/agent.toml" <<END
[ampx.agents.recorded]
kind = "script"
script = "$room/edits.toml"
END
    printf '%s\n' '[ampx.ci]' 'provider = "command"' 'command = "sh test.sh"' >"$room/ci.toml"
}

real_agent() {
    say "$agent itself: its model is a stub, which first multiplies and, after the failing log, adds"
    program=-
    if [ "$agent" != builtin ]; then
        program=$("$dev/agents.sh" "$agent")/$agent
    fi
    stub=$(dirname "$opsmith")/modelstub
    [ -x "$stub" ] || fail "there is no stub at $stub; build it with \`cargo build -p testkit --bin modelstub\`"
    # The program finds no settings and no login but the demo's.
    export HOME="$room/home" OPENCODE_CONFIG="$room/opencode.json"
    unset CODEX_HOME CLAUDE_CONFIG_DIR ANTHROPIC_API_KEY ANTHROPIC_BASE_URL OPENAI_API_KEY CODEX_API_KEY OPENAI_BASE_URL OPENCODE_CONFIG_CONTENT XDG_CONFIG_HOME XDG_DATA_HOME
    mkdir "$HOME"
    : >"$room/model.log"
    "$stub" "$agent" "$program" "$room" >"$room/model.log" 2>&1 &
    model=$!
    model_url=$(heard "$model" '^listening on \(.*\)$' "$room/model.log")
    echo "its model answers at $model_url"
    printf '%s\n' '[ampx.ci]' "provider = \"$check\"" "$check_key" >"$room/ci.toml"
}

if [ -n "$agent" ]; then real_agent; else recorded_agent; fi
{
    printf '%s\n' '[ampx]' "agent = \"${agent:-recorded}\"" 'retry_delay_s = 0' ''
    cat "$room/agent.toml"
    echo
    cat "$room/ci.toml"
} >"$OPSMITH_CONFIG"
cat "$OPSMITH_CONFIG"

say 'opsmith serve, on a free port'
: >"$room/server.log"
(cd "$room" && exec "$opsmith" serve --address 127.0.0.1:0) >"$room/server.out" 2>"$room/server.log" &
server=$!
url=$(heard "$server" '^listening on \(http:.*\)$' "$room/server.log")
export AMPX_API_URL="$url"
echo "listening on $url (its log: server.log; its database: data/opsmith.db)"

say 'ampx start --wait: red, the log goes back to the agent, green, a pull request'
ampx start "$room/remote.git" 'Make the failing test pass' --wait --json >"$room/task.json" ||
    fail "the task did not succeed: $(cat "$room/task.json")"
# The id is the first member of the task's JSON.
id=$(sed -n 's/^{"id":"\([0-9A-Z]*\)".*/\1/p' "$room/task.json")
[ -n "$id" ] || fail "no id in $(cat "$room/task.json")"
ampx show "$id" | tee "$room/show.txt"
expect 'the status' success "$room/show.txt"
expect 'the first attempt' red "$room/show.txt"
expect 'the second attempt' green "$room/show.txt"
expect 'the pull request' 'pull request' "$room/show.txt"

say 'ampx logs: what the agent and the CI said'
ampx logs "$id" | tee "$room/logs.txt"
expect 'the red CI' 'FAIL: 2 + 3 is 5, not 6' "$room/logs.txt"
expect 'the green CI' 'all sums are right' "$room/logs.txt"

say 'ampx diff: the change that passed'
ampx diff "$id" | tee "$room/diff.txt"
expect 'the diff' '^+echo $(($1 + $2))' "$room/diff.txt"

say 'ampx merge without a yes: the policy asks a person first'
status=0
ampx merge "$id" </dev/null >"$room/merge.txt" 2>&1 || status=$?
cat "$room/merge.txt"
[ "$status" -eq 4 ] || fail "an unconfirmed merge ended with $status, not 4"

say 'ampx merge --yes: a person says yes to exactly that plan'
ampx merge "$id" --delete-branch --yes >"$room/merge.txt" 2>&1 || fail "the merge failed: $(cat "$room/merge.txt")"
cat "$room/merge.txt"
expect 'the merge' 'merged as' "$room/merge.txt"

say 'The remote has it on main, the branch is gone, and the test passes'
git -C "$room/remote.git" log --oneline main
branches=$(git -C "$room/remote.git" for-each-ref --format='%(refname:short)' refs/heads)
[ "$branches" = main ] || fail "branches of the remote: $branches"
git clone --quiet "$room/remote.git" "$room/after"
(cd "$room/after" && sh test.sh) || fail 'the test fails after the merge'

say 'opsmith audit: every change is recorded, in a chain of hashes'
"$opsmith" audit list
"$opsmith" audit verify

say 'The server stops in good order'
kill "$server"
wait "$server" || fail 'the server ended badly'
server=
end "$model"
model=
work=$(find "$room/data/work" -mindepth 1 -maxdepth 1 2>/dev/null || true)
[ -z "$work" ] || fail "work folders are left: $work"

say 'Done. Next: docs/ampx/quickstart.md, or `opsmith serve` and `opsmith ampx start REPO PROMPT --wait`'
