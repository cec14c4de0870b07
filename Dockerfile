# Both programs in one image: `api` (the default) and `tracker`. docker-compose.yml runs them; docs/operations.md tells
# the rest. Needs no BuildKit, so that every builder can build it.

# The compiler of rust-toolchain.toml, on the release of Debian that the programs run on.
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /build

# A layer of dependencies only, which is built again when a manifest or the lock file changes: the crates themselves are
# empty here, and so is whatever else their manifests name.
COPY Cargo.toml Cargo.lock ./
COPY entity/Cargo.toml entity/
COPY migration/Cargo.toml migration/
COPY runtime/Cargo.toml runtime/
COPY store/Cargo.toml store/
COPY tracker/Cargo.toml tracker/
COPY transport/Cargo.toml transport/
COPY api/Cargo.toml api/
COPY bench/Cargo.toml bench/
COPY testkit/Cargo.toml testkit/
RUN for crate in */; do mkdir "${crate}src" && touch "${crate}src/lib.rs"; done \
    && for program in api tracker; do echo 'fn main() {}' >"${program}/src/main.rs"; done \
    && mkdir api/benches store/benches && touch api/benches/list.rs store/benches/age.rs \
    && cargo build --release --locked --package api --package tracker

# What is copied is older than what was built of the empty crates, and cargo goes by age.
COPY . .
ARG GIT_REVISION=unknown
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && GIT_REVISION="${GIT_REVISION}" cargo build --release --locked --package api --package tracker

FROM ${DEBIAN_IMAGE}
RUN groupadd --gid 10001 stock-tracker \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/stock-tracker \
        --shell /usr/sbin/nologin stock-tracker \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/stock-tracker
# Whom to trust as a provider of prices.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /build/target/release/api /build/target/release/tracker /usr/local/bin/
COPY deploy/healthcheck deploy/draw-secrets /usr/local/bin/

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
# Where a SQLite file goes, if that is the database.
WORKDIR /var/lib/stock-tracker
# Others reach a container only at its own address. `api` therefore refuses to start without ADMIN_TOKEN.
ENV API_HOST=0.0.0.0 \
    METRICS_HOST=0.0.0.0
# API, metrics of api, metrics of tracker.
EXPOSE 8080 9090 9091
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/healthcheck"]
CMD ["api"]

ARG GIT_REVISION=unknown
LABEL org.opencontainers.image.title="Stock Tracker" \
      org.opencontainers.image.description="Stock prices and alerts over GraphQL, REST and WebSocket" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${GIT_REVISION}"
