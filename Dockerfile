# Both images, from the root file systems that `make image-root` builds:
#
#	docker build --target coredns   -t neardns/coredns:dev .
#	docker build --target nodecache -t neardns/nodecache:dev .
#
# `make images` makes the same without a container engine. To have a distroless base below, add
# --build-arg BASE=IMAGE; the root file systems need none: they hold a static program, users and
# CA certificates.

ARG BASE=scratch

FROM golang:1.26 AS build
RUN apt-get update && apt-get install -y --no-install-recommends libcap2-bin make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG COMMIT=unknown
ARG TARGETARCH=amd64
RUN make image-root COMMIT=$COMMIT ARCH=$TARGETARCH
# COPY below keeps the capability; --link, and builders other than BuildKit, may not.
RUN setcap cap_net_bind_service=+ep build/image/coredns/$TARGETARCH/coredns \
 && getcap build/image/coredns/$TARGETARCH/coredns | grep -q cap_net_bind_service=ep

FROM ${BASE} AS coredns
ARG TARGETARCH=amd64
LABEL org.opencontainers.image.title=coredns \
      org.opencontainers.image.source=https://github.com/neardns/neardns \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /src/build/image/coredns/${TARGETARCH}/ /
USER 65532:65532
WORKDIR /
EXPOSE 53/tcp 53/udp
ENTRYPOINT ["/coredns"]

FROM ${BASE} AS nodecache
ARG TARGETARCH=amd64
LABEL org.opencontainers.image.title=nodecache \
      org.opencontainers.image.source=https://github.com/neardns/neardns \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /src/build/image/nodecache/${TARGETARCH}/ /
# Capabilities that a Pod adds are effective for root only.
USER 0:0
WORKDIR /
ENTRYPOINT ["/nodecache"]
