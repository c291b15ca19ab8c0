# Questions to dockerd about the plugin and its networks, and the steps that change it. Sourced by scripts/plugin.
# shellcheck shell=bash

inspect() { docker plugin inspect -f "$1" "$name" 2>/dev/null; }
installed() { inspect '{{.Id}}' >/dev/null; }
must_answer() { # dies if dockerd cannot be asked: then nobody knows whether there is a plugin
  local answer
  command -v docker >/dev/null || die "there is no docker command here; install the engine's command line (Debian: apt-get install docker-cli)"
  ! answer=$(LC_ALL=C docker version -f '{{.Server.Version}}' 2>&1) || return 0
  case $answer in
    *'permission denied'*)
      [ "$command" != status ] || without_docker
      die "$(id -un) may not ask dockerd: $answer" "run this as root (sudo $me $command), or as a member of the group that owns Docker's socket"
      ;;
    *) die "dockerd does not answer: $answer" "is it running? see: systemctl status docker; is DOCKER_HOST or the docker context right (now: ${DOCKER_HOST:-the default})?" ;;
  esac
}
must_be_installed() { installed || { must_answer && die "no plugin is called $name here; see: docker plugin ls"; }; }
enabled() { [ "$(inspect '{{.Enabled}}')" = true ]; }
run_folder() { inspect '{{range .Settings.Mounts}}{{if eq .Name "docker-run"}}{{.Source}}{{end}}{{end}}'; }

unbroken() { setsid docker plugin "$@"; } # out of reach of this terminal's ^C, which would leave dockerd half-way

networks() { # the networks that use this plugin by either of its names, as their driver or for their addresses only
  local ids
  ids=$(docker network ls -q) || die "docker did not say which networks there are; is dockerd running?"
  # shellcheck disable=SC2086 # one word per network; one that has just gone is no matter
  { docker network inspect -f '{{.Driver}} {{.IPAM.Driver}} {{.Name}}' $ids 2>/dev/null || true; } |
    awk -v long="$name" -v short="${name%%:*}" '
      $1 == long || $1 == short || $2 == long || $2 == short { sub(/^[^ ]* [^ ]* /, ""); print }' | sort -u
}

start() {
  unbroken enable "$name" >/dev/null || {
    restart=
    die "the plugin did not start and is stopped; its own words: $me logs; then: $me enable" "a failing mount means that docker-run.source is not dockerd's run folder: $me set docker-run.source=DIR"
  }
  restart=
  say "$name is enabled"
}

stop() { # -f, because a network in use would otherwise forbid it; containers keep their interfaces
  unbroken disable -f "$name" >/dev/null || die "the plugin could not be stopped; see dockerd's log"
}

stale_socket() { # a plugin that was killed hard leaves the socket of its short name behind
  local socket=/run/docker/plugins/${name%%:*}.sock status=0 answer
  [ -S "$socket" ] && command -v curl >/dev/null || return 0
  answer=$(LC_ALL=C curl -sv -m 2 -X POST --unix-socket "$socket" http://plugin/Plugin.Activate 2>&1) || status=$?
  # 7 is also the answer of a listener too busy to accept: only a refusal tells that nobody listens
  [ $status != 7 ] || [[ $answer != *'Connection refused'* ]] || rm -f "$socket"
}

keep_run_folder() { # docker resets the sources of mounts to the new version's own; everything else it keeps
  [ -z "$run_folder_before" ] || [ "$(run_folder)" = "$run_folder_before" ] || unbroken set "$name" "docker-run.source=$run_folder_before" >/dev/null
}

borrow() { # borrow NAME REF: takes REF as NAME, not enabled, until this script ends; shows docker's question unless --yes
  borrowed=$1
  if [ -n "$yes" ]; then docker plugin install --alias "$1" --disable "$yes" "$2" >/dev/null; else docker plugin install --alias "$1" --disable "$2"; fi
}
