# An image of both programs: `api` (the default) and `tracker`. docker-compose.yml runs them, and
# docs/operations.md describes how. The build does not require BuildKit.

# The compiler version of rust-toolchain.toml, on the same release of Debian as the final image.
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim
ARG NODE_IMAGE=node:22-bookworm-slim

FROM ${NODE_IMAGE} AS console
WORKDIR /build/web

# A layer with only the packages.
COPY web/package.json web/package-lock.json web/.npmrc ./
COPY web/client/package.json client/
COPY web/console/package.json console/
RUN npm ci --workspace console --include-workspace-root=false

COPY schema.graphql ../
COPY web/client client
COPY web/console console
RUN npm run build --workspace console

FROM ${RUST_IMAGE} AS build
WORKDIR /build

# A layer with only the dependencies, which is rebuilt when a manifest or the lock file changes. The
# crates and the other files that their manifests name are empty in this layer.
COPY .cargo/config.toml .cargo/
COPY Cargo.toml Cargo.lock ./
COPY alerting/Cargo.toml alerting/
COPY delivery/Cargo.toml delivery/
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
    && mkdir store/benches && touch store/benches/age.rs \
    && cargo build --release --locked --package api --package tracker

# Cargo compares modification times, and the copied files are older than the builds of the empty
# crates.
COPY . .
COPY --from=console /build/web/console/dist web/console/dist
ARG GIT_REVISION=unknown
ENV REQUIRE_CONSOLE=1
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && GIT_REVISION="${GIT_REVISION}" cargo build --release --locked --package api --package tracker

# Only the programs, for the archives of a release:
# docker buildx build --target programs --output type=local,dest=target/programs .
FROM scratch AS programs
COPY --from=build /build/target/release/api /build/target/release/tracker /

FROM ${DEBIAN_IMAGE}
RUN groupadd --gid 10001 stock-tracker \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/stock-tracker \
        --shell /usr/sbin/nologin stock-tracker \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/stock-tracker
# To verify the certificates of market-data providers, webhook receivers and mail servers.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /build/target/release/api /build/target/release/tracker /usr/local/bin/
COPY deploy/healthcheck deploy/generate-secrets /usr/local/bin/

# A numeric user id, so that an orchestrator can verify that it is not root.
USER 10001:10001
# The directory of the SQLite file, if SQLite is used.
WORKDIR /var/lib/stock-tracker
# A container is not reachable at its loopback address. With any other address, `api` requires
# ADMIN_TOKEN.
ENV API_HOST=0.0.0.0 \
    METRICS_HOST=0.0.0.0
# The API, the metrics of `api`, and the metrics of `tracker`.
EXPOSE 8080 9090 9091
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/healthcheck"]
CMD ["api"]

ARG GIT_REVISION=unknown
LABEL org.opencontainers.image.title="Stock Tracker" \
      org.opencontainers.image.description="Stock prices and alerts over GraphQL, REST and WebSocket" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${GIT_REVISION}"
