# Places for lab machines on the cores of this machine, for a script that starts many of them in the background.
# Source it after common.sh; it starts nothing.
# A machine has one core, and half of the time it waits. So two share a core. One whose tests measure pauses in traffic
# has a core to itself.
# shellcheck shell=bash

readonly whole_core=2 half_core=1
machine_memory_mb=3072 # what scripts/lab/guest gives a machine

declare -A core_of_job=() share_of_job=() # by pid
place=''                                  # the core that take_place has found

# places_on_core: how much one core takes. Where memory is short no two machines share one.
places_on_core() {
  local cores free_mb
  cores=$(allowed_cores | wc -l)
  free_mb=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
  if ((free_mb >= whole_core * cores * machine_memory_mb)); then echo "$whole_core"; else echo "$half_core"; fi
}

# take_place SHARE: waits until a core has room for SHARE, and sets `place` to the one with the most room.
take_place() {
  local share=$1 core pid most=${most_on_core:=$(places_on_core)}
  local -A taken
  ((share <= most)) || share=$most
  while :; do
    taken=()
    for pid in $(jobs -rp); do
      core=${core_of_job[$pid]:-}
      [ -z "$core" ] || taken[$core]=$((${taken[$core]:-0} + share_of_job[$pid]))
    done
    place=''
    for core in $(allowed_cores); do
      ((${taken[$core]:-0} + share <= most)) || continue
      [ -n "$place" ] && ((${taken[$core]:-0} >= ${taken[$place]:-0})) || place=$core
    done
    [ -z "$place" ] || return 0
    wait -n || true
  done
}

# keep_place PID SHARE: the job has `place` until it ends.
keep_place() {
  core_of_job[$1]=$place
  share_of_job[$1]=$2
}
