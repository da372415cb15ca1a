# By its digest, since a tag may come to mean another image. The C library of this one ends up in the binary: glibc 2.36, which resolves
# names without loading anything.
ARG BUILDER=rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1

FROM ${BUILDER} AS builder
# Writes into the binary which crates it is made of, for cargo audit and the scanners of images. A builder may bring it. Below, cargo gets
# it by name: `cargo auditable` gives its path, which cargo mixes into the names of symbols, so that it would be in the bits.
RUN command -v cargo-auditable || cargo install cargo-auditable --version 0.7.7 --locked
WORKDIR /src
COPY . .
# Packed, the table of what the loader relocates takes a few kilobytes of resident memory in the place of 430.
# The explicit --target keeps the flag from build scripts and procedural macros, which cannot be static.
# The mappings change no path here. cargo mixes the flags into the names of symbols, but not if there are mappings, and .ci/release has them.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    set -eu; \
    triple="$(uname -m)-unknown-linux-gnu"; \
    RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs \
        --remap-path-prefix=/src=/src --remap-path-prefix=/usr/local/cargo=/usr/local/cargo" \
    RUSTC_WORKSPACE_WRAPPER=cargo-auditable \
    CARGO_AUDITABLE_ORIG_ARGS='{"offline":false,"locked":true,"frozen":false,"config":[]}' \
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
