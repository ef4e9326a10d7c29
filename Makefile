# Everything that a person or CI says to this repository. `make help` lists it.
# Nothing here needs PATH changed: what the build installs goes to .tools, .venv and tools/node_modules.
# Set-up talks on standard error, so that `make -s bench-e2e JSON=1` prints its object alone.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
export PATH := $(PATH):$(HOME)/.cargo/bin

UV_VERSION := 0.13.9
BUF_VERSION := 1.75.0
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2

BIN := .venv/bin
UV := .tools/uv-$(UV_VERSION).stamp
BUF := .tools/buf-$(BUF_VERSION).stamp
CARGO_DENY := .tools/cargo-deny-$(CARGO_DENY_VERSION).stamp
CARGO_FUZZ := .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION).stamp
NODE_MODULES := tools/node_modules/.stamp
CONTRACTS := tools/contracts/build/.stamp
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z][a-z0-9%-]*\):.*## /\1\t/p' Makefile | sed 's/%/NAME/' | \
		awk -F '\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'

# ---- set-up

.PHONY: build
build: preflight extension $(NODE_MODULES) $(CONTRACTS) ## Set everything up: tools, Python, the Rust extension, an EVM chain
	@true

.PHONY: preflight
preflight:
	@sh tools/preflight.sh
	@sh tools/system_packages.sh >&2

.PHONY: extension
extension: .venv/extension.stamp ## Build the Rust extension alone, in release mode, into .venv

$(UV):
	"$$(sh tools/preflight.sh python)" -m venv .tools >&2
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) >&2
	@touch $@

# --inexact: what maturin installs stays.
.venv/sync.stamp: $(UV) pyproject.toml uv.lock
	.tools/bin/uv sync --quiet --frozen --inexact --no-install-project \
		--python "$$(sh tools/preflight.sh python)" >&2
	@touch $@

.venv/extension.stamp: .venv/sync.stamp $(RUST_SOURCES)
	PATH="$(CURDIR)/.tools/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/.venv" \
		$(BIN)/maturin develop --quiet --release --uv >&2
	@touch $@

$(NODE_MODULES): tools/package.json tools/package-lock.json tools/.npmrc
	cd tools && npm ci --silent >&2
	@touch $@

$(CONTRACTS): $(NODE_MODULES) tools/contracts/compile.mjs $(wildcard tools/contracts/*.sol)
	node tools/contracts/compile.mjs >&2
	@touch $@

# Only `make check` and `make audit` need these two.
$(BUF): $(UV)
	.tools/bin/pip install --quiet --disable-pip-version-check buf-bin==$(BUF_VERSION) >&2
	@touch $@

$(CARGO_DENY): $(UV)
	cargo install cargo-deny --quiet --version $(CARGO_DENY_VERSION) --locked --no-default-features --root .tools >&2
	@touch $@

# Only `make fuzz` needs this one.
$(CARGO_FUZZ): $(UV)
	cargo install cargo-fuzz --quiet --version $(CARGO_FUZZ_VERSION) --locked --root .tools >&2
	@touch $@

# ---- the product

.PHONY: demo
demo: build ## Run the whole system on this machine: 500 withdrawals, sweeps, kills, a halt; then compare with the chain
	@$(BIN)/custody demo

# ---- checks

.PHONY: test
test: build ## Run every test: Rust, then Python (with what it checks in TypeScript and Go)
	@failed=0; \
	cargo test --release --locked --no-fail-fast || failed=1; \
	$(BIN)/pytest -q || failed=1; \
	exit $$failed

.PHONY: soak
soak: build ## Run the long tests
	@failed=0; \
	CUSTODY_MUTATIONS=1000000 cargo test --release --locked -p custody-crypto --test equality mutated -- --nocapture \
		|| failed=1; \
	$(BIN)/pytest -q -m soak --timeout 3600 || failed=1; \
	exit $$failed

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz the verifier with cargo-fuzz, each target SECONDS=120; a crash's input is kept
	@PATH="$(CURDIR)/.tools/bin:$$PATH" sh tools/fuzz.sh $(or $(SECONDS),120)

.PHONY: asan
asan: ## Run the verifier's tests under AddressSanitizer, on every backend
	@sh tools/asan.sh

.PHONY: check
check: build $(BUF) $(CARGO_DENY) ## Formats, lints, types, import rules, protos, generated code, licences
	@$(BIN)/python tools/check.py

.PHONY: audit
audit: build $(CARGO_DENY) ## Known vulnerabilities in the Rust dependencies (fetches an advisory database)
	@PATH="$(CURDIR)/.tools/bin:$$PATH" cargo deny --locked check advisories

.PHONY: format
format: .venv/sync.stamp ## Format Rust and Python
	@cargo fmt --all
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

# ---- generated code

.PHONY: proto
proto: .venv/sync.stamp ## Write the code generated from proto/
	@$(BIN)/python tools/generate.py

.PHONY: proto-image
proto-image: $(BUF) ## Take the protos as they stand for what must not break
	@.tools/bin/buf build --exclude-source-info -o tools/proto-image.binpb

# ---- benches

.PHONY: FORCE
bench-%: build FORCE ## Run bench/bench_NAME.py; JSON=1 prints one JSON object (then say make -s)
	@$(BIN)/python bench/bench_$(subst -,_,$*).py $(if $(JSON),--json)
