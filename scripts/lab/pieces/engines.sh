# Docker engines side by side under $LAB/engines/NUMBER/bin: 20.10, 26.1 and 28.5, from the Debian releases
# that carry them. Their programs run on an older libc, except runc: it gets its own libc by ELF patch.
# shellcheck shell=bash

lab_engines=(20 26 28)
engine_programs=(usr/sbin/dockerd usr/sbin/docker-proxy usr/bin/docker usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/sbin/runc)

engine_suite() { case $1 in 20) echo bookworm ;; 26) echo trixie ;; 28) echo sid ;; esac; }

# engine_build NUMBER: unpacks next to the final place and moves it there in one step.
engine_build() {
  local number=$1 suite final=$LAB/engines/$1 part=$LAB/engines/$1.partial program
  suite=$(engine_suite "$number")
  rm -rf "$part" "$final"
  mkdir -p "$part/bin"
  local packages=(docker.io containerd runc)
  [ "$suite" = bookworm ] || packages+=(docker-cli)
  suite_unpack "$suite" "$part/root" "${packages[@]}"
  rm -rf "$part/root/usr/share"
  for program in "${engine_programs[@]}"; do
    [ -x "$part/root/$program" ] || die "engine $number: Debian $suite's packages have no $program"
    ln -s "../root/$program" "$part/bin/"
  done
  if [ "$suite" != bookworm ]; then
    local libraries=usr/lib/x86_64-linux-gnu
    suite_unpack "$suite" "$part/libc" libc6 libseccomp2
    rm -rf "$part/libc/usr/share" "$part/bin/runc"
    patchelf --set-interpreter "$final/libc/$libraries/ld-linux-x86-64.so.2" --set-rpath "$final/libc/$libraries" \
      --output "$part/bin/runc" "$part/root/usr/sbin/runc"
  fi
  mv "$part" "$final"
}

# have_engines NUMBER...
have_engines() {
  local number recipe='engine recipe 1'
  for number; do
    if is_stamped "engine-$number" "$recipe" && [ -x "$LAB/engines/$number/bin/dockerd" ]; then reused+=("Docker $number"); continue; fi
    unstamp "engine-$number"
    say "engines: Docker $number from Debian $(engine_suite "$number") (about 70 MB)"
    engine_build "$number"
    stamp "engine-$number" "$recipe"
  done
}
