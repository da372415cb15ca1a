# syntax=docker/dockerfile:1

# The C library of this image ends up in the binary: glibc 2.36, which resolves names without loading anything.
FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY . .
# The explicit --target keeps the flag from build scripts and procedural macros, which cannot be static.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    set -eu; \
    triple="$(uname -m)-unknown-linux-gnu"; \
    RUSTFLAGS="-C target-feature=+crt-static" \
        cargo build --release --locked --target "$triple" --bin github-pat-operator; \
    install -m 0755 "target/$triple/release/github-pat-operator" /github-pat-operator

FROM scratch
LABEL org.opencontainers.image.title="github-pat-operator" \
      org.opencontainers.image.description="A Kubernetes operator that validates GitHub personal access tokens" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=builder /github-pat-operator /github-pat-operator
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# Nobody in particular, as in distroless images: no such user exists in here, or needs to.
USER 65532:65532
ENTRYPOINT ["/github-pat-operator"]
CMD ["run"]
