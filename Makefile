# Everything that a person or CI says to this repository. `make help` lists it.
# Nothing here needs PATH changed: what the build installs goes to .tools, .venv and tools/node_modules.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
export PATH := $(PATH):$(HOME)/.cargo/bin

UV_VERSION := 0.13.9
UV := .tools/bin/uv
BIN := .venv/bin

RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1\t/p' Makefile | awk -F '\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: build
build: preflight extension ## Set everything up: tools, Python, the Rust extension
	@true

.PHONY: preflight
preflight:
	@sh tools/preflight.sh
	@sh tools/system_packages.sh

.tools/uv.stamp: Makefile
	"$$(sh tools/preflight.sh python)" -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# --inexact: what maturin installed stays.
.venv/sync.stamp: .tools/uv.stamp pyproject.toml uv.lock
	$(UV) sync --quiet --frozen --inexact --no-install-project --python "$$(sh tools/preflight.sh python)"
	@touch $@

.PHONY: extension
extension: .venv/extension.stamp ## Build the Rust extension, in release mode, into .venv

.venv/extension.stamp: .venv/sync.stamp $(RUST_SOURCES)
	PATH="$(CURDIR)/.tools/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/maturin develop --release --uv
	@touch $@
