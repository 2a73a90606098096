# One target folder for every checkout of this user, so that a fresh clone builds warm; an existing value is kept.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/opsmith/target

.DEFAULT_GOAL := help
.PHONY: help demo test lint fmt tidy coverage e2e e2e-agents e2e-web bench fuzz clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build, then show a task go from red to a merged pull request on this machine alone; AGENT=builtin, codex, opencode or claude runs that agent
	@$(if $(filter-out builtin codex opencode claude,$(AGENT)),$(error no agent `$(AGENT)`: AGENT=builtin, codex, opencode or claude, or none for a recorded one))
	@dev/deps.sh $(if $(filter-out builtin,$(AGENT)),agents,demo)
	cargo build -p opsmith --locked
	$(if $(AGENT),cargo build -p testkit --bin modelstub --locked)
	AGENT=$(AGENT) dev/demo.sh

test: ## Install what is missing, run every test, then tidy
	@dev/deps.sh test
	cargo test --workspace --locked
	cargo run -q -p xtask --locked -- tidy

lint: ## Check format, clippy, the house rules and the documentation's links
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features fuzz/targets --locked -- -D warnings
	cargo run -q -p xtask --locked -- tidy
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

fmt: ## Format the code
	cargo fmt --all

tidy: ## Check dependency rule, homes, file sizes, manifests and machine paths
	cargo run -q -p xtask --locked -- tidy

coverage: ## Run the tests instrumented and hold the line coverage against its thresholds
	@dev/deps.sh coverage
	dev/coverage.sh

e2e: ## Run the slow stories through the real binary
	@dev/deps.sh test
	cargo test -p ampx -p opsmith --test it --locked -- --ignored --skip real_agents

e2e-agents: ## Install codex, opencode, claude and act into a cache, and run tasks with them against a stub of the models
	@dev/deps.sh agents
	programs=$$(dev/agents.sh) && OPSMITH_AGENTS_BIN=$$programs \
		cargo test -p ampx -p opsmith --test it --locked real_agents -- --ignored --test-threads 1

e2e-web: ## Drive the pages of the real server with Chromium, in stories and over every page
	@dev/deps.sh web
	cargo build -p opsmith --locked
	npm ci --prefix web/e2e --no-audit --no-fund --loglevel error
	node --test --test-concurrency 1 web/e2e/*.test.mjs

bench: ## Measure against the goals and write docs/benchmarks.md
	@dev/deps.sh test
	cargo build --release -p opsmith --locked
	cargo run --release -p bench --locked

fuzz: ## Fuzz every parser of outside input: SECONDS=60 for each, TARGETS="sops policy" for some
	@dev/deps.sh fuzz
	dev/fuzz.sh $(or $(SECONDS),60) $(TARGETS)

clean: ## Remove what builds left behind, for every checkout that shares the target folder
	cargo clean
	rm -rf coverage "$(CARGO_TARGET_DIR)-fuzz"
