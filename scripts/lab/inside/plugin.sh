# The plugin itself, in the two ways it is installed: as a plain service, and as a managed plugin of the engine.
# shellcheck shell=bash

plugin_socket=/run/docker/plugins/vlandhcp.sock
plugin_answers() { curl -sf --max-time 2 --unix-socket "$plugin_socket" -X POST http://plugin/Plugin.Activate; }

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
