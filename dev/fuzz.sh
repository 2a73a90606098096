#!/bin/sh
# Builds the fuzzing program, runs each target on its seeds and on what earlier runs found worth keeping, and shows what
# came of it. An input that breaks something is kept in dev/fuzz/findings; there is none when this ends well.
# usage: dev/fuzz.sh SECONDS [TARGET...]
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-60}
[ $# -eq 0 ] || shift
case $seconds in
    '' | *[!0-9]* | 0) echo "fuzz: \`$seconds\` is no number of seconds" >&2 && exit 2 ;;
esac

host=$(rustc -vV | sed -n 's/^host: //p')
target_dir=${CARGO_TARGET_DIR:-target}-fuzz
# What libFuzzer reads: a counter for each edge, where it is, and the numbers that are compared. Every option is one that
# stable Rust takes; with a target named, none of them reaches build scripts and macros.
sancov='-Cllvm-args=-sanitizer-coverage'
CARGO_TARGET_DIR=$target_dir CARGO_INCREMENTAL=0 RUSTFLAGS="-Cpasses=sancov-module $sancov-level=4 \
$sancov-inline-8bit-counters $sancov-pc-table $sancov-trace-compares" \
    cargo build --profile fuzz -p fuzz --features targets --target "$host" --locked
program=$target_dir/$host/fuzz/fuzz

known=$(FUZZ_TARGET='' "$program" 2>/dev/null)
[ $# -gt 0 ] || set -- $known
for target; do
    if ! printf '%s\n' "$known" | grep -qx "$target"; then
        printf 'fuzz: no target `%s`; there are:\n%s\n' "$target" "$known" >&2
        exit 2
    fi
done

# The streams that agents' programs were recorded with are tests' data, and seeds too.
more_seeds() {
    case $1 in
        agent_stream) echo apps/ampx/tests/fixtures/agents/* ;;
        acp) echo apps/ampx/tests/fixtures/agents/acp ;;
    esac
}

number() { sed -n "s/^stat::$1: *\([0-9]*\)$/\1/p" "$log" | tail -n 1; }
# Edges or features, as of the last line that tells them.
last() { sed -n "s/.* $1: \([0-9]*\) .*/\1/p" "$log" | tail -n 1; }

fuzz=dev/fuzz
mkdir -p $fuzz/findings $fuzz/logs
table=$(mktemp)
trap 'rm -f "$table"' EXIT
found=0
for target; do
    corpus=$fuzz/corpus/$target
    log=$fuzz/logs/$target.log
    mkdir -p "$corpus"
    printf 'fuzz: %s for %s s\n' "$target" "$seconds" >&2
    how=clean
    # shellcheck disable=SC2046
    FUZZ_TARGET=$target nice -n 19 "$program" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
        -dict="$fuzz/dictionaries/$target.dict" -artifact_prefix="$fuzz/findings/$target-" -print_final_stats=1 \
        "$corpus" "$fuzz/seeds/$target" $(more_seeds "$target") >"$log" 2>&1 || how=FOUND
    if [ $how = FOUND ]; then
        found=1
        grep -a -A 3 -m 1 -e 'panicked at' -e 'ERROR: libFuzzer' "$log" >&2 || tail -n 5 "$log" >&2
        grep -a 'Test unit written to' "$log" >&2 || true
    fi
    printf '%s %s %s %s %s %s %s\n' "$target" "$(number number_of_executed_units)" "$(number average_exec_per_sec)" \
        "$(last cov)" "$(last ft)" "$(number peak_rss_mb)" $how >>"$table"
done

{
    echo 'target executions exec/s edges features MiB outcome'
    cat "$table"
} | awk '{ printf "%-16s %12s %8s %8s %9s %6s  %s\n", $1, $2, $3, $4, $5, $6, $7 }'
exit $found
