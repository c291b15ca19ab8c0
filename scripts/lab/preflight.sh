# What a first run can lack, each said in one sentence before any work is done: Node, npm, room, a writable checkout,
# packages that fit this Node, a network. Source it after common.sh.
# shellcheck shell=bash

# shellcheck source=node.sh
. "$lab_scripts/node.sh"

# need_writable FOLDER WHAT: something can be written there.
need_writable() {
  local trial
  trial=$(mktemp "$1/.writable.XXXXXX" 2>/dev/null) || die "$2 cannot be written: $1 ($(why_not_written "$1"))"
  # A full file system still makes an empty file.
  printf '%4096s' '' 2>/dev/null >"$trial" || { rm -f "$trial"; die "$2 is full: $1"; }
  rm -f "$trial"
}

why_not_written() {
  [ -d "$1" ] || { echo 'there is no such folder'; return; }
  if findmnt -no OPTIONS --target "$1" 2>/dev/null | grep -qE '(^|,)ro(,|$)'; then
    echo 'it is mounted read-only'
  elif [ ! -w "$1" ]; then
    echo "user $(id -un) may not write there"
  else
    echo 'the file system is full'
  fi
}

# need_room FOLDER MB WHAT
need_room() {
  local free
  free=$(df --output=avail -m "$1" | tail -n 1) || die "the free room of $1 cannot be read"
  ((free >= $2)) || die "$3 needs $2 MB free in $1; there are ${free// /}"
}

need_places() {
  need_writable "$checkout" 'the checkout'
  need_writable "${TMPDIR:-/tmp}" 'the folder for temporary files'
  need_room "${TMPDIR:-/tmp}" 20 'this run'
}

# modules_fit: the packages with machine code load in this Node; packages of another Node or machine do not.
modules_fit() {
  [ -e "$checkout/node_modules/.package-lock.json" ] || return 1
  [ "$(cat "$checkout/node_modules/.made-by-node" 2>/dev/null)" != "$(node_stamp)" ] || return 0
  # shellcheck disable=SC2016 # JavaScript
  (cd "$checkout" && node --input-type=module -e '
    await import("koffi"); await import("vitest/node");
    (await import("esbuild")).transformSync("let a = 1")' >/dev/null 2>&1) || return 1
  note_modules
}
node_stamp() { node -p 'process.version + " " + process.platform + " " + process.arch'; }
note_modules() { node_stamp >"$checkout/node_modules/.made-by-node"; }

no_network='there is no network, or the network does not lead to the server; is a proxy needed?'

# reason_in LOG: the sentence for a trouble that npm or apt tells in many lines; fails if there is none.
reason_in() {
  if grep -qE 'ENOSPC|No space left' "$1"; then
    echo 'the disk is full'
  elif grep -qE 'EROFS|Read-only file system' "$1"; then
    echo 'the file system is mounted read-only'
  elif grep -qE 'EBADENGINE' "$1"; then
    echo 'a package needs another version of Node'
  elif grep -qE 'Release file for .* is (expired|not valid yet)' "$1"; then
    echo "the mirror's package list is not valid now; is the clock of this machine right, and the mirror up to date?"
  elif grep -qE 'ENOTCACHED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|Temporary failure resolving|Could not (resolve|connect)|Network is unreachable|network timeout' "$1"; then
    echo "$no_network"
  else
    return 1
  fi
}
