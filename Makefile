# Everything that is done here, by people and by machines. `make` alone tells what there is.

.DEFAULT_GOAL := help
# One thing at a time: cargo uses all cores by itself.
.NOTPARALLEL:

CARGO ?= cargo
# One choice of features for lints, tests and documentation, so that no dependency is built twice.
EVERYTHING := --workspace --all-features
# Programs that are built once, outside of target/, where every clone finds them.
TOOLS ?= $(HOME)/.cache/stock-tracker/tools
DENY := $(TOOLS)/cargo-deny-0.20.2/bin/cargo-deny
AUDIT := $(TOOLS)/cargo-audit-0.22.2/bin/cargo-audit
ADVISORIES := https://github.com/RustSec/advisory-db.git
COVERAGE := $(TOOLS)/cargo-llvm-cov-0.9.1/bin/cargo-llvm-cov

.PHONY: help
help: ## Tell what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: export LOG_FORMAT ?= console
run: rust ## Build and start everything in one process, on a SQLite file in this folder
	$(CARGO) run --package api

.PHONY: test
test: test-programs format-check lint deny audit rust-test doc web-test rest-test ## Install what tests need, check everything and run every test

.PHONY: check
check: format-check lint fresh-check ## Check format, lints and that generated files are fresh

.PHONY: integration
integration: rust test-programs ## Run only the tests that need PostgreSQL and start real processes
	$(CARGO) test $(EVERYTHING) --test it

.PHONY: coverage
coverage: llvm-tools $(COVERAGE) test-programs ## Measure which lines the tests run, into target/llvm-cov/html/index.html
	$(COVERAGE) llvm-cov $(EVERYTHING) --html

.PHONY: deny
deny: $(DENY) ## Check the licences, sources and versions of the dependencies by deny.toml
	$(DENY) --all-features check licenses bans sources

.PHONY: audit
audit: rust ## Check the dependencies for known vulnerabilities, if the advisory database can be reached
	@if GIT_TERMINAL_PROMPT=0 timeout 30 git ls-remote --exit-code $(ADVISORIES) HEAD >/dev/null 2>&1; then \
	    $(MAKE) --no-print-directory $(AUDIT) && $(AUDIT) audit --url $(ADVISORIES); \
	else \
	    echo "audit: SKIPPED, the advisory database cannot be reached: $(ADVISORIES)"; \
	fi

.PHONY: bench
bench: rust test-programs ## Measure what telling many costs, and reads and writes as the history grows
	$(CARGO) build --release --package api --package bench
	target/release/bench
	$(CARGO) bench --package store --bench age

.PHONY: format
format: rust-parts ## Format the code
	$(CARGO) fmt --all

.PHONY: fresh
fresh: rust ## Write the generated files anew
	UPDATE=1 $(CARGO) test $(EVERYTHING) -- is_fresh

.PHONY: clean
clean: ## Remove what was built
	$(CARGO) clean
	rm -rf web/node_modules web/openapi/.venv

# The parts of `test` and `check`.

.PHONY: format-check
format-check: rust-parts
	$(CARGO) fmt --all --check

.PHONY: lint
lint: rust-parts
	$(CARGO) clippy $(EVERYTHING) --all-targets -- -D warnings

.PHONY: fresh-check
fresh-check: rust
	$(CARGO) test $(EVERYTHING) -- is_fresh

.PHONY: rust-test
rust-test: rust test-programs
	$(CARGO) test $(EVERYTHING)

# For those who work here, hence with private items and links to them. With --examples, dependencies have the features
# that the lints have, and are not checked twice.
.PHONY: doc
doc: rust
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" \
		$(CARGO) doc $(EVERYTHING) --no-deps --document-private-items --lib --examples

.PHONY: web-test
web-test: web/node_modules/.package-lock.json
	cd web && npm test

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci
	touch $@

.PHONY: rest-test
rest-test: web/openapi/.venv/installed
	cd web && npm run rest-test

web/openapi/.venv/installed: web/openapi/requirements.txt
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# What the rest needs.

# Without optimization and debug information they build in half the time, and run for seconds.
$(DENY) $(AUDIT) $(COVERAGE): | rust
	CARGO_PROFILE_DEV_DEBUG=false $(CARGO) install --debug --locked --no-default-features --target-dir target/tools \
		--root $(@:/bin/$(@F)=) $(patsubst $(@F)-%,$(@F)@%,$(notdir $(@:/bin/$(@F)=)))

.PHONY: rust
rust:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: see https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing: apt-get install gcc libc6-dev" >&2; exit 1; }

.PHONY: rust-parts
rust-parts: rust
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy

# cargo-llvm-cov takes llvm-profdata and llvm-cov of the compiler's LLVM from rustup, or from these variables.
.PHONY: llvm-tools
llvm-tools: rust
	@if [ -z "$${LLVM_COV:-}" ] || [ -z "$${LLVM_PROFDATA:-}" ]; then \
	    rustup component add llvm-tools || { \
	        echo "Coverage needs llvm-profdata and llvm-cov of the compiler's LLVM ($$(rustc -vV | sed -n 's/^LLVM version: //p'))." >&2; \
	        echo "rustup could not install them; name your own with LLVM_PROFDATA and LLVM_COV." >&2; \
	        exit 1; }; \
	fi

.PHONY: test-programs
test-programs:
	@script/install-test-programs
