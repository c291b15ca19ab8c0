# Docker Compose of pieces/compose.sh, on the engine that is up. Called by itself it is faster than as a part of `docker`.
# shellcheck shell=bash

# in-lab compose WORD...               docker compose
compose() {
  local program=$LAB/compose/cli-plugins/docker-compose
  [ -x "$program" ] || die 'the lab has no Docker Compose; run scripts/lab/setup'
  DOCKER_CONFIG=$LAB/compose COMPOSE_ANSI=never COMPOSE_PROGRESS=quiet "$program" "$@"
}
