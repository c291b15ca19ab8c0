# Everything a lab machine offers, in one source line.
# shellcheck shell=bash
inside=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=/dev/null
for part in "$inside/../common.sh" "$inside"/{daemon,trunk,ipv6,server,server6,capture,engine,compose,registry,plugin,node,systemd,firewalls,uplink}.sh; do . "$part"; done
