# Docker Compose as a plugin of the docker command, from Debian sid, which carries the newest: $LAB/compose is a folder
# for DOCKER_CONFIG. Compose runs on an older libc.
# shellcheck shell=bash

have_compose() {
  local recipe='compose recipe 1' part=$LAB/compose.partial program=usr/libexec/docker/cli-plugins/docker-compose
  if is_stamped compose "$recipe" && [ -x "$LAB/compose/cli-plugins/docker-compose" ]; then reused+=('Docker Compose'); return 0; fi
  unstamp compose
  say 'compose: Docker Compose from Debian sid (about 15 MB)'
  rm -rf "$part" "$LAB/compose"
  suite_unpack sid "$part/root" docker-compose
  [ -x "$part/root/$program" ] || die "compose: Debian sid's package has no $program"
  mkdir -p "$part/cli-plugins"
  ln -s "../root/$program" "$part/cli-plugins/"
  rm -rf "$part/root/usr/share"
  mv "$part" "$LAB/compose"
  stamp compose "$recipe"
}
