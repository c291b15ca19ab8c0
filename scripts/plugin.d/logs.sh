# `logs`: where dockerd logs, and the lines of the plugin in it. Sourced by scripts/plugin.
# shellcheck shell=bash

daemon_output() { # the file that a dockerd which writes to no journal has as its standard error, if this user can see it
  local pid file
  pid=$(cat /run/docker.pid /var/run/docker.pid 2>/dev/null | head -n 1) || true
  file=$(readlink "/proc/${pid:-none}/fd/2") || true
  [ ! -f "$file" ] || echo "$file"
}

log_places() { # what to look at where nothing was found: one sentence
  local file found=''
  for file in /var/log/docker.log /var/log/docker/docker.log /var/log/upstart/docker.log /var/log/daemon.log /var/log/syslog /var/log/messages; do
    [ ! -f "$file" ] || found+="${found:+, }$file"
  done
  echo "name the file that dockerd writes to: $me logs FILE${found:+ (there are: $found)}; Docker as a snap: journalctl -u snap.docker.dockerd"
}

journal() { # the plugin's lines from where dockerd logs: the journal, by its unit or by the program's name, or its own file
  local file units=(-u docker.service -u snap.docker.dockerd.service + _COMM=dockerd)
  if command -v journalctl >/dev/null && [ -n "$(journalctl -q -n 1 -o cat "${units[@]}" 2>/dev/null)" ]; then
    journalctl -o cat --no-pager ${follow:+-f} "${units[@]}" | own
    return
  fi
  file=$(daemon_output)
  [ -n "$file" ] || die "the journal has no lines of dockerd that $(id -un) may read; $(log_places)"
  say "dockerd logs to $file" >&2
  read_log "$file"
}

read_log() { # read_log FILE
  [ -r "$1" ] || die "$(id -un) cannot read $1; root may"
  if [ -n "$follow" ]; then tail -n +1 -F "$1" | own; else own <"$1"; fi
}

command_logs() {
  wants 0 1
  must_be_installed
  # dockerd writes what the plugin prints as msg="..." plugin=ID; this prints the plugin's own lines again
  own() { sed -un "s/^.*msg=\"\(.*\)\" plugin=$(inspect '{{.Id}}').*/\1/p" | sed -u 's/\\"/"/g; s/\\\\/\\/g; s/\\n$//'; }
  if [ ${#words[@]} -gt 0 ]; then
    read_log "${words[0]}"
  else
    journal
  fi
}
