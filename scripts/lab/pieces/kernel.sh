# The guest kernel: User-Mode Linux, compiled from Debian's newest kernel source (6.16 or later is needed:
# its seccomp mode is several times faster than ptrace). Result: one static binary, $LAB/kernel/linux.
# The source tree (1.8 GB) is kept only until the build has succeeded, so an interrupted build resumes.
# shellcheck shell=bash

kernel_needs_mb=2600

kernel_trouble() {
  cat >&2 <<TEXT

The guest kernel could not be made: $1
  log:     $LAB/log/kernel.log, and the lines of it that matter are below
  retry:   scripts/lab/setup            (continues where it stopped)
  fresh:   rm -rf $LAB/kernel && scripts/lab/setup
  without: a host kernel with 802.1Q needs no guest kernel (modprobe 8021q), or
           VLANDHCP_LAB_UML=FILE names a UML kernel made on another machine
TEXT
  # Several compilers write at once, so what went wrong may stand far above the end.
  { grep -m 5 -iE '(error|fatal)( [0-9]+)?:|No space left' "$LAB/log/kernel.log"; echo '[...]'; tail -n 15 "$LAB/log/kernel.log"; } 2>/dev/null | sed 's/^/  | /' >&2 || true
  die "the guest kernel could not be made: $1"
}

# run_shown LABEL COMMAND...: output to the kernel log, a sign of life every half minute. Where $shown_tree is set, the
# sign counts the object files in it and says how many are left.
shown_every=30 # seconds
shown_tree=''
run_shown() {
  local label=$1 from=${EPOCHREALTIME/[.,]/} pid before=0
  shift
  [ -z "$shown_tree" ] || before=$(objects_in "$shown_tree")
  "$@" >>"$LAB/log/kernel.log" 2>&1 9>&- &
  pid=$!
  shown_pid=$pid
  while ! wait_until "$shown_every" process_is_gone "$pid"; do
    say "kernel: $label$([ -z "$shown_tree" ] || how_far "$shown_tree" "$before" "$from"), $(seconds_since "$from") s so far"
  done
  shown_pid=''
  wait "$pid"
}

# Files come and go while the compiler runs, so find may miss one.
objects_in() { { find "$1" -name '*.o' 2>/dev/null || true; } | wc -l; }

# The object files of a whole build: of the last one on this machine, or else of Linux 7.2 with kernel.config.
kernel_objects=1250
objects_wanted() { cat "$LAB/stamps/kernel-objects" 2>/dev/null || echo "$kernel_objects"; }

# how_far TREE BEFORE FROM: ", 700 of about 1400 files, about 120 s left". BEFORE are the files that an earlier run has made.
how_far() {
  local ready wanted made us
  ready=$(objects_in "$1") wanted=$(objects_wanted)
  ((made = ready - $2, us = ${EPOCHREALTIME/[.,]/} - $3)) || true
  printf ', %d of about %d files' "$ready" "$wanted"
  # Another kernel version may have some files more. Then only linking is known to be left.
  if ((ready >= wanted)); then
    printf ', linking is left'
  elif ((made > 0)); then
    printf ', about %d s left' "$((us / made * (wanted - ready) / 1000000))"
  fi
}

kernel_fetch() {
  local tree=$1 package
  [ ! -e "$tree.complete" ] || return 0
  need_room "$LAB" "$kernel_needs_mb" 'the guest kernel'
  suite_open sid
  package=$(suite_newest sid '^linux-source-[0-9.]+$')
  [ -n "$package" ] || kernel_trouble 'Debian sid offers no linux-source package'
  say "kernel: fetching $package (about 160 MB)"
  rm -rf "$tree" "$tree.package"
  suite_unpack sid "$tree.package" "$package"
  say 'kernel: unpacking'
  mkdir -p "$tree"
  tar -C "$tree" --strip-components=1 -xf "$tree.package"/usr/src/linux-source-*.tar.xz 2>>"$LAB/log/kernel.log" || kernel_trouble 'unpacking failed'
  rm -rf "$tree.package"
  touch "$tree.complete"
}

kernel_compile() {
  local tree=$1
  say "kernel: compiling on $(nproc) cores (about 5 minutes on 2)"
  KCONFIG_ALLCONFIG=$lab_scripts/kernel.config run_shown configuring \
    make -C "$tree" -s ARCH=um alldefconfig || kernel_trouble 'configuration failed'
  local wanted
  while read -r wanted; do
    grep -qx "$wanted" "$tree/.config" || kernel_trouble "this kernel source does not take $wanted"
  done < <(grep -E '^CONFIG_(VLAN_8021Q|BONDING|BRIDGE|NET_TEAM|VETH|MACVLAN|WIREGUARD|IPV6_ROUTE_INFO|OVERLAY_FS|HOSTFS|PACKET|BRIDGE_NETFILTER|IP_NF_FILTER)=y' "$lab_scripts/kernel.config")
  shown_tree=$tree
  run_shown compiling nice make -C "$tree" -s -j"$(nproc)" ARCH=um linux || kernel_trouble 'the compiler failed'
  shown_tree=''
  stamp kernel-objects "$(objects_in "$tree")"
}

have_kernel() {
  local recipe
  [ -z "${VLANDHCP_LAB_UML:-}" ] || { [ -x "$VLANDHCP_LAB_UML" ] || die "VLANDHCP_LAB_UML=$VLANDHCP_LAB_UML is no program"; return 0; }
  recipe=$(sha256sum <"$lab_scripts/kernel.config" | cut -c1-16)
  if is_stamped kernel "$recipe" && [ -x "$lab_kernel_image" ]; then reused+=('guest kernel'); return 0; fi
  unstamp kernel
  install_kernel_packages
  mkdir -p "$LAB/kernel"
  : >"$LAB/log/kernel.log"
  local tree=$LAB/kernel/source
  kernel_fetch "$tree"
  kernel_compile "$tree"
  strip -o "$lab_kernel_image.new" "$tree/linux" && mv "$lab_kernel_image.new" "$lab_kernel_image"
  VLANDHCP_LAB_KERNEL=uml "$lab_scripts/guest" -t 60 -- bash -c '. "$1" && host_has_vlans' check "$lab_scripts/common.sh" \
    >>"$LAB/log/kernel.log" 2>&1 ||
    kernel_trouble 'it was compiled, but a guest cannot make VLAN links with it'
  rm -rf "$tree" "$tree.complete"
  stamp kernel "$recipe"
  say "kernel: built ($(du -m "$lab_kernel_image" | cut -f1) MB), boots, knows 802.1Q"
}
