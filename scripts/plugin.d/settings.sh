# The settings of the plugin: which there are, which values they take, and `set`. Sourced by scripts/plugin.
# shellcheck shell=bash

known_settings() { # what config.json of this checkout lets be set: the names of its variables, and the sources of its mounts
  local config=$root/config.json
  [ ! -f "$dir/config.json" ] || config=$dir/config.json
  sed -n '/"env": *\[/,/^  \]/ s/.*"name": *"\([^"]*\)".*/\1/p' "$config" | tr '\n' ' '
  echo docker-run.source docker-api.source
}

check_known() { # check_known KNOWN K=V...: dies of a setting that is not among KNOWN, a list with blanks
  local known=" $1 " word
  shift
  for word; do
    [[ $known == *" ${word%%=*} "* ]] || die "$word is unknown; known are${known% }; nothing changed"
  done
}

check_settings() { # check_settings K=V...: dies of a value that the plugin would not start with; plugin/settings.ts says the same
  local word key value problem='' problems=''
  for word; do
    key=${word%%=*} value=${word#*=}
    case $key in
      "$word") problem='is not SETTING=VALUE' ;;
      LOG_LEVEL) [[ $value =~ ^(|trace|debug|info|warn|error|fatal|silent)$ ]] || problem='is not one of trace, debug, info, warn, error, fatal, silent' ;;
      STATE_DIR) [[ $value =~ ^(|/.*)$ ]] || problem='is not an absolute path' ;;
      JOIN_TIMEOUT) [[ $value =~ ^(|[1-9][0-9]{0,4})$ ]] || problem='is not a number of seconds from 1 to 99999' ;;
      HTTP_LISTEN) [[ $value =~ ^(|([0-9.]+|localhost|\[[0-9a-fA-F:.]+\]):[1-9][0-9]{0,4})$ ]] || problem='is not ADDRESS:PORT, such as 127.0.0.1:9325 or [::1]:9325' ;;
      HTTP_TOKEN) [[ $value =~ ^(|[!-~]{16,})$ ]] || problem='is shorter than 16 characters, or has others than ASCII ones' ;;
      IPAM_REQUIRE_MAC) [[ $value =~ ^(|true|false)$ ]] || problem='is not true or false' ;;
      docker-run.source) [[ $value == /* && -d $value ]] || problem='is not a folder here, by its absolute path' ;;
      docker-api.source) [[ $value == /dev/null || ($value == /* && -S $value) ]] || problem='is not a socket here, by its absolute path, nor /dev/null for none' ;;
    esac
    [ -z "$problem" ] || problems+="${problems:+; }$word $problem"
    problem=
  done
  [ -z "$problems" ] || die "$problems; nothing changed"
}

command_set() {
  must_be_installed
  [ ${#words[@]} -gt 0 ] || die "say what to set, for example LOG_LEVEL=debug; now: $(inspect '{{.Settings.Env}}')"
  check_known "$(inspect '{{range .Config.Env}}{{.Name}} {{end}}')docker-run.source docker-api.source" "${words[@]}"
  check_settings "${words[@]}"
  ! enabled || { restart=1 && stop; }
  unbroken set "$name" "${words[@]}" || die "docker refused the setting; see above"
  if [ -n "$restart" ]; then start; else say "$name is stopped, as before; start it: $me enable"; fi
  [[ " ${words[*]}" != *' IPAM_REQUIRE_MAC='* ]] ||
    say "networks with --ipam-driver $name go by the new IPAM_REQUIRE_MAC, those with --ipam-driver ${name%%:*} from dockerd's next restart on"
}
