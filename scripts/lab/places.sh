# Places for lab machines on the cores of this machine, for a script that starts many of them in the background.
# Source it after common.sh; it starts nothing.
# A machine has a core to itself. Two on one core end some tenth sooner than one after the other (bench/NOTES.md), but each takes
# nearly twice as long, and a test that measures a pause in traffic would measure the other machine.
# shellcheck shell=bash

declare -A core_of_job=() # by pid
place=''                  # the core that take_place has found

# take_place: waits until a core is free, and sets `place` to it.
take_place() {
  local pid
  local -A taken
  while :; do
    taken=()
    for pid in $(jobs -rp); do
      [ -z "${core_of_job[$pid]:-}" ] || taken[${core_of_job[$pid]}]=yes
    done
    for place in $(allowed_cores); do
      [ -n "${taken[$place]:-}" ] || return 0
    done
    pause 0.5 # wait -n would wait for one more, if a job ended since we looked
  done
}

# keep_place PID: the job has `place` until it ends.
keep_place() { core_of_job[$1]=$place; }
