# The plugin's root file system as an image: node, ip, iptables (nft and legacy), one bundled file and koffi.
# scripts/build-rootfs --from image turns it into a plugin folder; without an image registry use its default,
# Debian packages. BASE is any Debian (bookworm or newer) with Node >= 20.19 and npm.
#   docker build --build-arg BASE=node:24-bookworm-slim .        (BuildKit, the default since Engine 23)
# Another npm registry: --build-arg NPM_CONFIG_REGISTRY=URL, or, with a token, --secret id=npmrc,src=$HOME/.npmrc.
# Neither reaches the last stage, which starts from nothing.
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
COPY scripts/build-rootfs scripts/rootfs-pick.mjs scripts/bundle.mjs scripts/
ARG SOURCE_DATE_EPOCH
RUN strip --strip-unneeded "$(command -v node)" \
 && scripts/build-rootfs --from / /plugin

FROM scratch
COPY --from=build /plugin/rootfs /
WORKDIR /app
ENTRYPOINT ["/usr/bin/node", "--optimize-for-size", "/app/vlandhcp.cjs"]
CMD ["--managed"]
