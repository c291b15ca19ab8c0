# Paths, messages, stamps and waiting, for every lab script on either side of the guest.
# Source it; it starts nothing.  Settings it honours:
#   VLANDHCP_LAB         cache folder of this machine (default /var/cache/vlandhcp-lab)
#   VLANDHCP_LAB_KERNEL  host | uml: which kernel runs the lab (default: host if it knows VLANs)
#   VLANDHCP_LAB_UML     a ready guest kernel to use instead of setup's; lib/modules beside it, if it has any
# shellcheck shell=bash

lab_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$lab_scripts/../.." && pwd)
LAB=${VLANDHCP_LAB:-/var/cache/vlandhcp-lab}
lab_kernel_image=${VLANDHCP_LAB_UML:-$LAB/kernel/linux}
lab_started_at=${LAB_STARTED_AT:-${EPOCHREALTIME/[.,]/}} # LAB_STARTED_AT: of the script that calls this one
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# seconds_since MICROSECONDS: "12.3"
seconds_since() {
  local us=$((${EPOCHREALTIME/[.,]/} - $1))
  printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

say() { printf '%6s s  %s\n' "$(seconds_since "$lab_started_at")" "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# as_typed WORD...: a command line that a shell takes apart into these words again
as_typed() {
  local word line=''
  for word; do
    [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
    line+="${line:+ }$word"
  done
  printf '%s\n' "$line"
}

# pause [SECONDS]: 20 ms without a process of its own (on the one core of a guest a `sleep` would cost what is waited for).
pause() {
  [ -n "${lab_silence:-}" ] || exec {lab_silence}<> <(:)
  read -r -t "${1:-0.02}" -u "$lab_silence" || true
}

# wait_until SECONDS COMMAND...: polls until COMMAND succeeds; fails when the deadline has passed.
# COMMAND runs in a shell of its own: a `die` in it means "not yet". It would end the caller, and nobody would see its words.
wait_until() {
  local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
  shift
  until ("$@") >/dev/null 2>&1; do
    ((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
    pause
  done
}

# allowed_cores: the numbers of the cores that this process may use
allowed_cores() {
  local range
  for range in $(sed -n 's/^Cpus_allowed_list:\s*//p' /proc/self/status | tr , ' '); do seq "${range%-*}" "${range#*-}"; done
}

process_is_gone() { ! kill -0 "$1" 2>/dev/null; }

# A stamp says that a piece was finished by the recipe given; no stamp, or another recipe: build it again.
is_stamped() { [ "$(cat "$LAB/stamps/$1" 2>/dev/null)" = "$2" ]; }
unstamp() { rm -f "$LAB/stamps/$1"; }
stamp() {
  mkdir -p "$LAB/stamps"
  printf '%s\n' "$2" >"$LAB/stamps/$1.new"
  mv "$LAB/stamps/$1.new" "$LAB/stamps/$1"
}

# host_has_vlans: can this kernel make every kind of link the lab is built from? (tried in a throw-away namespace)
host_has_vlans() {
  unshare --net sh -ec '
    ip link add name lab0 type veth peer name lab1
    ip link add link lab0 name lab0.5 type vlan id 5
    ip link add link lab0.5 name lab2 type macvlan mode bridge
    ip link add name lab3 type bridge' >/dev/null 2>&1
}

# chosen_kernel: prints host or uml.
chosen_kernel() {
  case ${VLANDHCP_LAB_KERNEL:-} in
    host | uml) echo "$VLANDHCP_LAB_KERNEL" ;;
    '') if host_has_vlans; then echo host; else echo uml; fi ;;
    *) die "VLANDHCP_LAB_KERNEL is \"$VLANDHCP_LAB_KERNEL\"; use host or uml" ;;
  esac
}
