# The managed plugin as a folder (config.json and rootfs/), made with nothing but Docker and this build context:
#   DOCKER_BUILDKIT=1 docker build --output build/plugin . && docker plugin create vlandhcp:stable build/plugin
# Run it as root: docker gives the files of the folder to whoever runs it. The rootfs has node, ip, iptables (nft and
# legacy), one bundled file and koffi. BASE is any Debian (bookworm or newer) with Node >= 20.19 and npm.
# Another npm registry: --build-arg NPM_CONFIG_REGISTRY=URL, or, with a token, --secret id=npmrc,src=$HOME/.npmrc.
# Neither reaches the last stage, which starts from nothing. SOURCE_DATE_EPOCH sets the time of all files.
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
RUN export DEBIAN_FRONTEND=noninteractive && apt-get update -q \
 && apt-get install -qy --no-install-recommends binutils iproute2 iptables
WORKDIR /src
ARG NPM_CONFIG_REGISTRY
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --no-audit --no-fund
COPY config.json ./
COPY plugin plugin
COPY cli cli
COPY web web
COPY scripts/build-rootfs scripts/rootfs-pick.mjs scripts/bundle.mjs scripts/page-bundle.mjs scripts/plugin scripts/
COPY scripts/plugin.d scripts/plugin.d
COPY scripts/lab/common.sh scripts/lab/preflight.sh scripts/lab/node.sh scripts/lab/
ARG SOURCE_DATE_EPOCH
RUN strip --strip-unneeded "$(command -v node)" \
 && scripts/build-rootfs --from / /plugin

FROM scratch
COPY --from=build /plugin /
