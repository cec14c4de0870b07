# An image of both programs: `api` (the default) and `tracker`. docker-compose.yml runs them; docs/operations.md describes
# how. Does not require BuildKit.

# The compiler of rust-toolchain.toml, on the release of Debian that the programs run on.
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /build

# A layer with the dependencies only, which is rebuilt when a manifest or the lock file changes. The crates and everything
# else that their manifests name are empty here.
COPY Cargo.toml Cargo.lock ./
COPY entity/Cargo.toml entity/
COPY market/Cargo.toml market/
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

# The copied files are older than the builds of the empty crates, and cargo compares modification times.
COPY . .
ARG GIT_REVISION=unknown
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && GIT_REVISION="${GIT_REVISION}" cargo build --release --locked --package api --package tracker

FROM ${DEBIAN_IMAGE}
RUN groupadd --gid 10001 stock-tracker \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/stock-tracker \
        --shell /usr/sbin/nologin stock-tracker \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/stock-tracker
# To verify the certificates of market-data providers.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /build/target/release/api /build/target/release/tracker /usr/local/bin/
COPY deploy/healthcheck deploy/draw-secrets /usr/local/bin/

# A numeric id, so that an orchestrator can verify that it is not root.
USER 10001:10001
# The folder of the SQLite file, if SQLite is used.
WORKDIR /var/lib/stock-tracker
# A container is only reachable at its own address. `api` therefore requires ADMIN_TOKEN.
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
