# A registry on 127.0.0.1:5000 with a store in memory; the engines accept it there without TLS.
# shellcheck shell=bash

# in-lab registry-up                   starts it and waits until it answers
registry_up() {
  mkdir -p "$lab_state/registry"
  cat >"$lab_state/registry.yml" <<YML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $lab_state/registry}, delete: {enabled: true}}
http: {addr: "127.0.0.1:5000"}
YML
  daemon_start registry docker-registry serve "$lab_state/registry.yml"
  daemon_ready registry 15 curl -sf --max-time 2 http://127.0.0.1:5000/v2/
}

# in-lab registry-down                 stops it
registry_down() { daemon_stop registry; }
