# The commands of this repository, for developers and CI. `make` without a target lists them.

.DEFAULT_GOAL := help
# Run one target at a time, because cargo uses all cores itself.
.NOTPARALLEL:

CARGO ?= cargo
# The same features for lints, tests and documentation, so that dependencies are built once.
ALL_FEATURES := --workspace --all-features
# The tests wait more than they compute, so more of them run at a time than there are cores. More
# than 16 would need more connections than their PostgreSQL accepts.
export RUST_TEST_THREADS ?= $(shell cores=$$(nproc); echo $$((cores < 8 ? 2 * cores : 16)))
# Tools that are built once for all clones, outside of target/.
TOOLS ?= $(HOME)/.cache/stock-tracker/tools
DENY := $(TOOLS)/cargo-deny-0.20.2/bin/cargo-deny
AUDIT := $(TOOLS)/cargo-audit-0.22.2/bin/cargo-audit
# The tables that `bench` prints, one in a file.
FIGURES := target/bench
ADVISORIES := https://github.com/RustSec/advisory-db.git
CYCLONEDX := $(TOOLS)/cargo-cyclonedx-0.5.9/bin/cargo-cyclonedx
COVERAGE := $(TOOLS)/cargo-llvm-cov-0.9.1/bin/cargo-llvm-cov
# The web console, which `api` embeds. Its first page stands for all files.
CONSOLE := web/console/dist/index.html
CONSOLE_SOURCES := schema.graphql $(shell find web/client web/console -type f \
	-not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/.test/*' -not -path '*/test/*' \
	-not -path '*/generated/*' -not -name '*.md')
# npm has installed the packages of the console only, or all.
CONSOLE_PACKAGES := web/node_modules/.console
WEB_PACKAGES := web/node_modules/.all
NPM_FILES := $(addprefix web/,package-lock.json package.json client/package.json console/package.json)

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: export LOG_FORMAT ?= console
run: rust console-if-npm ## Build and start everything in one process, on a SQLite file in this directory
	$(CARGO) run --package api

.PHONY: test
test: test-deps $(WEB_PACKAGES) console console-check
test: format-check lint deny audit rust-test doc web-test browser-test rest-test
test: ## Install the programs that the tests need, then run all checks and tests

.PHONY: console
console: $(CONSOLE) ## Build the web console and GraphiQL, which the next build of `api` embeds
	@:

.PHONY: check
check: format-check lint generate-check ## Check the format, the lints and the generated files

.PHONY: integration
integration: rust test-deps ## Run only the tests that need PostgreSQL and start real processes
	$(CARGO) test $(ALL_FEATURES) --test it

.PHONY: coverage
coverage: llvm-tools $(COVERAGE) test-deps
coverage: ## Measure the line coverage of the tests, into target/llvm-cov/html/index.html
	$(COVERAGE) llvm-cov $(ALL_FEATURES) --html

.PHONY: deny
deny: $(DENY) ## Check licenses, sources and versions of the dependencies (deny.toml)
	$(DENY) --all-features check licenses bans sources

.PHONY: audit
audit: rust ## Check the dependencies for known vulnerabilities, if the network is available
	@if GIT_TERMINAL_PROMPT=0 timeout 30 git ls-remote --exit-code $(ADVISORIES) HEAD \
	    >/dev/null 2>&1; then \
	    $(MAKE) --no-print-directory $(AUDIT) && $(AUDIT) audit --url $(ADVISORIES); \
	else \
	    echo "audit: SKIPPED, the advisory database cannot be reached: $(ADVISORIES)"; \
	fi

.PHONY: bench
bench: rust test-deps ## Measure all programs beside bare servers, and write docs/performance.md
	$(CARGO) build --release --package api --package tracker --package bench
	mkdir -p $(FIGURES)
	$(CARGO) bench --package store --bench age >$(FIGURES)/age.md
	$(CARGO) bench --package tracker --bench rules >$(FIGURES)/rules.md
	$(CARGO) bench --package tracker --bench ingest >$(FIGURES)/ingest.md
	ulimit -S -n "$$(ulimit -H -n)" && \
	    target/release/bench --figures $(FIGURES) --document docs/performance.md

.PHONY: format
format: rust-parts ## Format the code
	$(CARGO) fmt --all

.PHONY: screenshots
screenshots: rust test-deps $(WEB_PACKAGES) console ## Write docs/screenshots
	$(CARGO) build --package api
	cd web && npm run screenshots

.PHONY: generate
generate: rust ## Write the generated files
	UPDATE=1 $(CARGO) test $(ALL_FEATURES) -- is_fresh

# cargo-cyclonedx writes a file beside each manifest of the workspace; those of libraries are parts of
# the two programs.
.PHONY: sbom
sbom: $(CYCLONEDX) ## Write the software bills of materials into target/sbom
	mkdir -p target/sbom
	$(CYCLONEDX) cyclonedx --all-features --format json --spec-version 1.5 --quiet \
		--override-filename bom.sbom
	mv api/bom.sbom.json target/sbom/api.cdx.json
	mv tracker/bom.sbom.json target/sbom/tracker.cdx.json
	rm -f */bom.sbom.json
	cd web && npx --yes @cyclonedx/cyclonedx-npm@6.0.1 --package-lock-only --omit dev \
		--workspace console --output-format JSON --output-file ../target/sbom/console.cdx.json

.PHONY: clean
clean: ## Remove build artifacts
	$(CARGO) clean
	rm -rf web/node_modules web/console/dist web/openapi/.venv examples/python/.venv

# Parts of `test` and `check`.

.PHONY: format-check
format-check: rust-parts
	$(CARGO) fmt --all --check

.PHONY: lint
lint: rust-parts
	$(CARGO) clippy $(ALL_FEATURES) --all-targets -- -D warnings

.PHONY: generate-check
generate-check: rust
	$(CARGO) test $(ALL_FEATURES) -- is_fresh

.PHONY: rust-test
rust-test: rust test-deps
	$(CARGO) test $(ALL_FEATURES)

# The documentation for contributors, which includes private items. With --examples, dependencies
# have the same features as for the lints, and so are not checked again.
.PHONY: doc
doc: rust
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" \
		$(CARGO) doc $(ALL_FEATURES) --no-deps --document-private-items --lib --examples

.PHONY: console-check
console-check: $(CONSOLE_PACKAGES)
	cd web && npm run check --workspace console

.PHONY: web-test
web-test: $(WEB_PACKAGES) examples/python/.venv/installed
	cd web && npm test

# In Chromium, against the built `api`, which `rust-test` builds with the console.
.PHONY: browser-test
browser-test: $(WEB_PACKAGES)
	cd web && npm run browser-test

# The program also runs without the console, so nothing fails here.
.PHONY: console-if-npm
console-if-npm:
	@if ! command -v npm >/dev/null; then \
	    echo "npm is missing: the web console is not built or updated. Install Node.js 20.19 or later."; \
	elif ! $(MAKE) --no-print-directory console; then \
	    echo "The web console cannot be built (see above): starting without it."; \
	fi

# An incomplete build is removed: `api` does not build with it.
$(CONSOLE): $(CONSOLE_SOURCES) $(CONSOLE_PACKAGES)
	cd web && npm run build --workspace console || { rm -rf console/dist; exit 1; }

# `npm ci` removes what was installed before, and the other file with it.
$(CONSOLE_PACKAGES): $(NPM_FILES)
	cd web && npm ci --workspace console --include-workspace-root=false
	touch $@

$(WEB_PACKAGES): $(NPM_FILES)
	cd web && npm ci
	touch $@ $(CONSOLE_PACKAGES)

.PHONY: rest-test
rest-test: web/openapi/.venv/installed
	cd web && npm run rest-test

%/.venv/installed: %/requirements.txt
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# Prerequisites.

# Built without optimization and debug information, which halves the build time; the tools only run
# for seconds.
$(DENY) $(AUDIT) $(CYCLONEDX) $(COVERAGE): | rust
	CARGO_PROFILE_DEV_DEBUG=false $(CARGO) install --debug --locked --no-default-features \
		--target-dir target/tools --root $(@:/bin/$(@F)=) \
		$(patsubst $(@F)-%,$(@F)@%,$(notdir $(@:/bin/$(@F)=)))

.PHONY: rust
rust:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: see https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing: apt-get install gcc libc6-dev" >&2; exit 1; }

.PHONY: rust-parts
rust-parts: rust
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy

# cargo-llvm-cov finds llvm-profdata and llvm-cov through rustup or these two variables.
.PHONY: llvm-tools
llvm-tools: rust
	@if [ -z "$${LLVM_COV:-}" ] || [ -z "$${LLVM_PROFDATA:-}" ]; then \
	    rustup component add llvm-tools || { \
	        echo "Coverage needs llvm-profdata and llvm-cov of the compiler's LLVM ($$(rustc -vV | sed -n 's/^LLVM version: //p'))." >&2; \
	        echo "rustup could not install them; name your own with LLVM_PROFDATA and LLVM_COV." >&2; \
	        exit 1; }; \
	fi

.PHONY: test-deps
test-deps:
	@script/install-test-deps
