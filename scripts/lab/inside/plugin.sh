# The plugin itself, in the two ways it is installed: as a plain service, and as a managed plugin of the engine.
# shellcheck shell=bash

# The folder `docker plugin create` takes; scripts/lab/prepare builds it before a lab machine starts.
plugin_folder=${VLANDHCP_PLUGIN_FOLDER:-$checkout/build/plugin}
plugin_name=vlandhcp:stable
plugin_socket=/run/docker/plugins/vlandhcp.sock
plugin_answers() { [ -S "$plugin_socket" ] && curl -sf --max-time 2 --unix-socket "$plugin_socket" -X POST http://plugin/Plugin.Activate; }

# in-lab service-up                    node dist/vlandhcp.cjs as a plain service; waits until it answers
service_up() {
  [ -s "$checkout/dist/vlandhcp.cjs" ] || die 'dist/vlandhcp.cjs is missing; run npm run build'
  LOG_LEVEL=${LOG_LEVEL:-debug} daemon_start vlandhcp node "$checkout/dist/vlandhcp.cjs"
  daemon_ready vlandhcp 20 plugin_answers
}

# in-lab service-down                  stops it with TERM
service_down() { daemon_stop vlandhcp; }

# in-lab service-kill                  kill -9; service-up starts it again
service_kill() { daemon_stop vlandhcp KILL; }

# in-lab plugin-up [KEY=VALUE...]      the managed plugin vlandhcp:stable, installed from build/plugin and enabled; waits until it answers
plugin_up() {
  [ -s "$plugin_folder/config.json" ] || die "$plugin_folder is missing; run scripts/lab/prepare"
  "$checkout/scripts/plugin" install --yes --dir "$plugin_folder" "LOG_LEVEL=${LOG_LEVEL:-debug}" "$@" >>"$lab_state/plugin.log" 2>&1 ||
    { cat "$lab_state/plugin.log" >&2 && die 'the managed plugin could not be installed'; }
  wait_until 30 plugin_answers || die "the managed plugin is enabled but does not answer on $plugin_socket"
}

# in-lab plugin-down                   disables and removes it
plugin_down() {
  docker plugin disable --force "$plugin_name" >/dev/null 2>&1 || true
  # None is there where its installation failed.
  ! docker plugin inspect "$plugin_name" >/dev/null 2>&1 || docker plugin rm --force "$plugin_name" >/dev/null
}

# in-lab plugin-pid                    its process id, as this machine counts
plugin_pid() { runc --root /run/docker/runtime-runc/plugins.moby list --format json | jq -r '.[] | select(.status == "running") | .pid'; }

# in-lab plugin-kill                   kill -9 for its process; dockerd starts it again by itself
plugin_kill() { kill -KILL "$(plugin_pid)"; }

# in-lab plugin-log                    what the managed plugin has written
plugin_log() { "$checkout/scripts/plugin" logs "$lab_state/dockerd.log"; }
