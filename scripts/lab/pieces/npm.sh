# npm for one moment: it fetches a newer Node, which brings an npm of its own. Debian's npm depends on 330 packages, most of
# them with one JavaScript library. To install them takes two minutes. So those that count are unpacked into
# $LAB/npm.partial and deleted again. Only Debian's Node itself is installed. Source it after debian.sh and packages.sh.
# shellcheck shell=bash

# What `npm pack` loads of them on Debian 12, after `node-`. On another Debian all packages are unpacked.
npm_parts=(
  abbrev agent-base ansi-regex aproba archy are-we-there-yet balanced-match brace-expansion builtins cacache chalk chownr
  ci-info clone columnify console-control-strings css-loader css-selector-tokenizer debug defaults delegates depd
  encoding err-code escape-string-regexp fancy-log fs.realpath function-bind gauge glob got graceful-fs gyp has-flag
  has-unicode hosted-git-info https-proxy-agent iconv-lite imurmurhash indent-string inflight inherits ini ip isexe
  json-parse-better-errors jsonparse lru-cache minimatch minipass mkdirp ms negotiator nopt normalize-package-data
  npm-bundled npm-package-arg npmlog once p-map promise-inflight promise-retry read-package-json readable-stream
  resolve retry rimraf safe-buffer semver set-blocking signal-exit slice-ansi spdx-correct spdx-exceptions
  spdx-expression-parse spdx-license-ids ssri string-width strip-ansi supports-color tar text-table unique-filename
  util-deprecate validate-npm-package-license validate-npm-package-name wcwidth.js which wide-align wrappy
  write-file-atomic yallist
)

# shellcheck source=/dev/null
debian_version() { . /etc/os-release && echo "${VERSION_ID:-}"; }

# npm_packages: of what `apt-get -s install npm` lists on its input, the packages that `npm pack` loads.
npm_packages() {
  local wanted='[^ ]+'
  if [ "$(debian_version)" = 12 ]; then wanted=$(IFS='|' && echo "${npm_parts[*]}"); fi
  sed -nE "s/^Inst (npm|node-(${wanted//./\\.})) .*/\1/p"
}

# borrow_npm: puts Debian's npm last in PATH.
borrow_npm() {
  local part=$LAB/npm.partial packages deb
  apt_install nodejs ca-certificates
  rm -rf "$part"
  mkdir -p "$part/debs" "$part/root" "$part/bin"
  apt-get -s --no-install-recommends install npm >"$LAB/log/npm.log" 2>&1 || apt_trouble 'Debian has no npm for this machine' "$LAB/log/npm.log"
  mapfile -t packages < <(npm_packages <"$LAB/log/npm.log")
  say "npm: unpacking Debian's, ${#packages[@]} small packages, to fetch a newer Node with it"
  (cd "$part/debs" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download "${packages[@]}") >"$LAB/log/npm.log" 2>&1 ||
    apt_trouble "Debian's npm cannot be downloaded" "$LAB/log/npm.log"
  for deb in "$part"/debs/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$part/root" || die "$deb does not unpack"; done
  rm -rf "$part/debs"
  printf '#!/bin/sh\nNODE_PATH=%q exec /usr/bin/node %q "$@"\n' \
    "$part/root/usr/share/nodejs" "$part/root/usr/share/nodejs/npm/bin/npm-cli.js" >"$part/bin/npm"
  chmod 755 "$part/bin/npm"
  export PATH=$PATH:$part/bin
}

return_npm() { rm -rf "$LAB/npm.partial"; }
