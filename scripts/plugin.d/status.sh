# `status`: what the plugin, its networks and its leases are, as far as this user may see. Sourced by scripts/plugin.
# shellcheck shell=bash

given_up() { # tells, before anything else, that networks depend on a plugin that is not running
  local list
  ! enabled || return 0
  list=$(networks)
  [ -z "$list" ] || printf '%s\n' "NOT RUNNING: $name is installed and disabled, and these networks need it: ${list//$'\n'/ }" \
    "start it: docker plugin enable $name" \
    "  Running containers keep their traffic; no lease is renewed, and containers of these networks cannot start." \
    "  If nobody has disabled it, it ended twice and dockerd gave it up: see $me logs." ''
}

short_name() { # short_name SOCKET: whether the name without a tag works, as far as this user can see
  local short=${name%%:*}
  if [ -S "$1" ]; then
    echo "-d $short works ($1)"
  elif hidden "$1"; then
    echo "-d $short: not known, $(id -un) may not look into ${1%/*}; root may"
  else
    echo "-d $short does not work: no $1"
  fi
}

leases() { # every container's address as it is now, which Docker itself does not follow
  local socket=$1 table
  if hidden "$socket"; then
    echo "leases   not known, $(id -un) may not look into ${socket%/*}; root may"
  elif [ ! -S "$socket" ]; then
    echo "leases   not known, there is no $socket to ask"
  elif [ ! -w "$socket" ]; then
    echo "leases   not known, $(id -un) may not ask $socket; root may"
  elif ! command -v curl >/dev/null; then
    echo "leases   not known, there is no curl here to ask with (Debian: apt-get install curl)"
  elif ! table=$(curl -sf -m 5 -X POST --unix-socket "$socket" http://plugin/VlanDhcp.Status 2>/dev/null); then
    echo "leases   not known, the plugin does not answer on $socket"
  else
    table=$(sed -n 's/.*"table":"\(.*\)"}$/\1/p' <<<"$table")
    if [ -n "$table" ]; then printf '\n%b\n' "$table"; else echo 'leases   none'; fi
  fi
}

hidden() { # hidden SOCKET: whether this user cannot see if it is there
  local plugins=${1%/*}
  [[ -d ${plugins%/*} && ! -x ${plugins%/*} ]] || [[ -d $plugins && ! -x $plugins ]]
}

without_docker() { # what status can say to a user who may not ask dockerd
  echo "name     $name: not known whether it is installed, $(id -un) may not ask dockerd"
  echo "short    $(short_name "$socket")"
  echo 'networks not known'
  leases "$socket"
}

command_status() {
  wants 0 0
  socket=/run/docker/plugins/${name%%:*}.sock
  must_be_installed
  given_up
  inspect 'name     {{.Name}}
id       {{.Id}}
enabled  {{.Enabled}}
from     {{.PluginReference}}
settings {{.Settings.Env}}{{range .Settings.Mounts}} {{.Name}}.source={{.Source}}{{end}}'
  echo "short    $(short_name "$socket")"
  list=$(networks)
  list=${list//$'\n'/ }
  echo "networks ${list:-none}"
  leases "$socket"
}
