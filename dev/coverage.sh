#!/bin/sh
# Runs every test instrumented, writes coverage/ and holds the figures against the thresholds in xtask.
# The reading tools must be of rustc's own LLVM: rustup's llvm-tools, or a package's llvm-cov-<version>.
set -eu
cd "$(dirname "$0")/.."

tools=$(rustc --print target-libdir)/../bin
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if [ ! -x "$tools/llvm-cov" ] && command -v "llvm-cov-$llvm" >/dev/null; then
    export LLVM_COV="llvm-cov-$llvm" LLVM_PROFDATA="llvm-profdata-$llvm"
fi

mkdir -p coverage
# A killed process leaves half a profile, and tests here kill: only a run without any whole profile is a failure.
cargo llvm-cov --workspace --locked --failure-mode all --json --summary-only --output-path coverage/summary.json
cargo llvm-cov report --failure-mode all --html --output-dir coverage
cargo run -q -p xtask --locked -- coverage coverage/summary.json
echo 'line by line: coverage/html/index.html'
