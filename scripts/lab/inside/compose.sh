# Docker Compose of pieces/compose.sh, on the engine that is up.
# shellcheck shell=bash

# in-lab compose WORD...               docker compose
compose() {
  [ -x "$LAB/compose/cli-plugins/docker-compose" ] || die 'the lab has no Docker Compose; run scripts/lab/setup'
  DOCKER_CONFIG=$LAB/compose COMPOSE_ANSI=never COMPOSE_PROGRESS=quiet docker compose "$@"
}
