# The guest kernel: Debian's packaged User-Mode Linux (sid's: from 6.16 its seccomp mode is several times faster than
# ptrace) with its modules. The program gets the libc that it is linked with by ELF patch. Result: $LAB/uml/linux and
# $LAB/uml/lib/modules.
# shellcheck shell=bash

kernel_needs_mb=600

kernel_trouble() {
  cat >&2 <<TEXT

The guest kernel could not be made: $1
  log:     $LAB/log/kernel.log
  retry:   scripts/lab/setup
  without: a host kernel with 802.1Q needs no guest kernel (modprobe 8021q), or
           VLANDHCP_LAB_UML=FILE names a UML kernel made on another machine
TEXT
  tail -n 15 "$LAB/log/kernel.log" >&2 2>/dev/null || true
  exit 1
}

kernel_unpack() {
  local final=$LAB/uml part=$LAB/uml.partial libraries=usr/lib/x86_64-linux-gnu
  (($(df --output=avail -m "$LAB" | tail -n 1) > kernel_needs_mb)) ||
    kernel_trouble "less than $kernel_needs_mb MB free in $LAB"
  suite_open sid || kernel_trouble "the package list of Debian sid cannot be fetched ($LAB/log/apt.log)"
  rm -rf "$part" "$final"
  suite_unpack sid "$part/root" user-mode-linux && suite_unpack sid "$part/libc" libc6 ||
    kernel_trouble "the packages user-mode-linux and libc6 cannot be fetched ($LAB/log/apt.log)"
  rm -rf "$part/libc/usr/share"
  mkdir "$part/lib" && mv "$part/root/usr/lib/uml/modules" "$part/lib/modules"
  patchelf --set-interpreter "$final/libc/$libraries/ld-linux-x86-64.so.2" --set-rpath "$final/libc/$libraries" \
    --output "$part/linux" "$part/root/usr/bin/linux.uml" || kernel_trouble 'its program cannot be patched'
  rm -rf "$part/root"
  mv "$part" "$final"
}

have_kernel() {
  local recipe='kernel recipe 2'
  if [ -n "${VLANDHCP_LAB_UML:-}" ]; then
    [ -x "$VLANDHCP_LAB_UML" ] || die "VLANDHCP_LAB_UML=$VLANDHCP_LAB_UML is no program"
    return 0
  fi
  if is_stamped uml "$recipe" && [ -x "$lab_kernel_image" ]; then return 0; fi
  unstamp uml
  say 'kernel: User-Mode Linux from Debian sid (about 40 MB)'
  : >"$LAB/log/kernel.log"
  kernel_unpack 2> >(tee -a "$LAB/log/kernel.log" >&2)
  VLANDHCP_LAB_KERNEL=uml "$lab_scripts/guest" -t 60 -- bash -c '. "$1" && host_has_vlans' check "$lab_scripts/common.sh" \
    >>"$LAB/log/kernel.log" 2>&1 || kernel_trouble 'a guest cannot make VLAN links with it'
  stamp uml "$recipe"
  say "kernel: boots, knows 802.1Q"
}
