# The life of the plugin on a host: `install`, `enable`, `disable`, `upgrade`, `remove`. Sourced by scripts/plugin.
# shellcheck shell=bash

command_install() {
  installed && die "$name is installed already; run: $me upgrade"
  ref=
  if [ ${#words[@]} -gt 0 ] && [[ ${words[0]} != *=* ]]; then
    ref=${words[0]}
    words=("${words[@]:1}")
  fi
  # A version from a registry may know more than this checkout; what it lets be set is seen only once it is here.
  check_known "$(known_settings)" ${words[@]+"${words[@]}"}
  check_settings ${words[@]+"${words[@]}"}
  must_answer
  if [ -n "$ref" ]; then
    steps=2
  else
    steps=$((2 + (${#dir} == 0)))
    ! have_registry || steps=$((steps + 1))
    folder
    ! have_registry || serve
  fi
  if [ -n "$ref" ]; then
    step "Docker takes in $ref"
    docker plugin install --alias "$name" --disable ${yes:+"$yes"} "$ref" || die "docker plugin install failed; check the reference $ref and, for a private registry, docker login"
  else
    step "Docker takes in $dir, $(du -sm "$dir/rootfs" | cut -f1) MB; it takes half a minute and says nothing meanwhile"
    create "$name"
  fi
  step "setting and starting $name"
  [ ${#words[@]} = 0 ] || docker plugin set "$name" "${words[@]}" || die "a setting was refused; the plugin is installed but not enabled: $me set K=V, $me enable"
  start
  say "try it: docker network create -d vlandhcp --ipam-driver null -o parent=LINK -o vlan=ID NAME"
}

command_enable() {
  wants 0 0
  must_be_installed
  enabled && { say "$name is enabled already"; exit 0; }
  start
}

command_disable() {
  wants 0 0
  must_be_installed
  enabled || { say "$name is disabled already"; exit 0; }
  stop
  stale_socket
  say "$name is disabled; running containers keep their addresses until their leases end, stopping or starting one can take dockerd up to a minute meanwhile"
}

command_upgrade() {
  wants 0 1
  must_be_installed
  id=$(inspect '{{.Id}}')
  ref=${words[0]:-}
  steps=3
  if [ -z "$ref" ]; then
    [ -x "$root/scripts/build-rootfs" ] || die "there is no checkout here to build from; name a version in a registry: $me upgrade --yes REGISTRY/vlandhcp:VERSION-$arch"
    steps=$((4 + (${#dir} == 0)))
    have_registry || die "docker can upgrade only from a registry; install one for the moment (apt-get install docker-registry), or push to yours and upgrade from there"
    folder
    serve
  fi
  # The new version is fetched under another name first: the plugin is not stopped for something that cannot be had,
  # nor for the length of a download, nor while docker waits for somebody to grant the privileges.
  docker plugin rm "${name%%:*}:incoming" >/dev/null 2>&1 || true
  step "Docker fetches $ref"
  borrow "${name%%:*}:incoming" "$ref" || die "$ref was not fetched; nothing changed. If you granted its privileges, check the reference and, for a private registry, docker login"
  say "running containers keep their traffic; starting and stopping containers waits until the new version is up"
  run_folder_before=$(run_folder)
  step "stopping and replacing $name"
  ! enabled || { restart=1 && stop; }
  # --skip-remote-check: the registry may be another one than at install time; the privileges were granted above
  docker plugin upgrade --skip-remote-check --grant-all-permissions "$name" "$ref" || die "docker plugin upgrade failed; the version before is still installed"
  keep_run_folder
  step "starting it, if it ran before"
  [ -z "$restart" ] || start
  [ "$(inspect '{{.Id}}')" = "$id" ] || die "the plugin's ID changed, which an upgrade must not do; see docker plugin ls"
  say "$name is now ${ref##*/}"
}

command_remove() {
  wants 0 0
  must_be_installed
  list=$(networks)
  [ -z "$list" ] || die "these networks still use the plugin, or addresses from it; remove them first: docker network rm ${list//$'\n'/ }"
  ! enabled || { restart=1 && stop; }
  docker plugin rm "$name" >/dev/null || die "docker plugin rm failed; see above"
  restart=
  stale_socket
  say "$name is removed, with its state"
}
