# Builds both images from the root file systems that `make image-root` writes. It needs BuildKit, which
# `docker build` has, or buildah:
#
#	docker build --target coredns   --build-arg COMMIT=$(git describe --always --dirty) -t neardns/coredns:dev .
#	docker build --target nodecache --build-arg COMMIT=$(git describe --always --dirty) -t neardns/nodecache:dev .
#
# `make images` makes the same without a container engine. The root file systems hold the parts of a
# distroless static base that the programs need: users and CA certificates. To put the images on
# a distroless base anyway, give --build-arg BASE=IMAGE.

ARG BASE=scratch

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG COMMIT=unknown
# The builder sets this from --platform. A default here would hide that.
ARG TARGETARCH
RUN make image-root COMMIT=$COMMIT ARCH=$TARGETARCH

FROM ${BASE} AS coredns
ARG COMMIT=unknown
ARG TARGETARCH
LABEL org.opencontainers.image.title="coredns" \
      org.opencontainers.image.description="CoreDNS with the neardns kubernetes plugin" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.source="https://github.com/neardns/neardns" \
      org.opencontainers.image.licenses="Apache-2.0"
# The binary has the file capability NET_BIND_SERVICE. A copy from another stage keeps it; a copy
# from outside, or by kaniko, loses it.
COPY --from=build /src/build/image/coredns/$TARGETARCH/ /
USER 65532:65532
WORKDIR /
EXPOSE 53/tcp 53/udp
ENTRYPOINT ["/coredns"]

FROM ${BASE} AS nodecache
ARG COMMIT=unknown
ARG TARGETARCH
LABEL org.opencontainers.image.title="nodecache" \
      org.opencontainers.image.description="a caching DNS resolver for a Kubernetes node" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.source="https://github.com/neardns/neardns" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/build/image/nodecache/$TARGETARCH/ /
# Capabilities that a Pod adds are effective only for root.
USER 0:0
WORKDIR /
ENTRYPOINT ["/nodecache"]
