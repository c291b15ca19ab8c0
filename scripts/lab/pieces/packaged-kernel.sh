# A guest kernel in half a minute, for the demo: Debian's packaged User-Mode Linux with its modules (sid's: from 6.16 its
# seccomp mode is several times faster than ptrace). It has neither iptables nor nftables for IP, so the tests compile
# their own. The program gets the libc that it is linked with by ELF patch. Result: $LAB/uml/linux, $LAB/uml/lib/modules.
# shellcheck shell=bash

packaged_kernel_needs_mb=600

packaged_kernel_build() {
  local final=$LAB/uml part=$LAB/uml.partial libraries=usr/lib/x86_64-linux-gnu
  (($(df --output=avail -m "$LAB" | tail -n 1) > packaged_kernel_needs_mb)) ||
    die "less than $packaged_kernel_needs_mb MB free in $LAB; free some, or set VLANDHCP_LAB to another folder"
  rm -rf "$part" "$final"
  suite_unpack sid "$part/root" user-mode-linux
  suite_unpack sid "$part/libc" libc6
  rm -rf "$part/libc/usr/share"
  mkdir "$part/lib"
  mv "$part/root/usr/lib/uml/modules" "$part/lib/modules"
  patchelf --set-interpreter "$final/libc/$libraries/ld-linux-x86-64.so.2" --set-rpath "$final/libc/$libraries" \
    --output "$part/linux" "$part/root/usr/bin/linux.uml"
  rm -rf "$part/root"
  mv "$part" "$final"
}

# have_some_kernel: the compiled one if there is one.
have_some_kernel() {
  local recipe='packaged kernel recipe 1'
  [ ! -x "$LAB/kernel/linux" ] || { reused+=('guest kernel'); return 0; }
  [ -z "${VLANDHCP_LAB_UML:-}" ] || { have_kernel; return; }
  if is_stamped uml "$recipe" && [ -x "$LAB/uml/linux" ]; then reused+=('guest kernel'); return 0; fi
  unstamp uml
  say 'kernel: User-Mode Linux from Debian sid (about 40 MB)'
  packaged_kernel_build
  stamp uml "$recipe"
}
