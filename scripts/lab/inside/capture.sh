# What a network engineer would look at: the frames on the trunk, as the firewall's end sees them.
# shellcheck shell=bash

# in-lab capture-up [FILTER...]       tcpdump -e -n on the trunk, tags and MAC addresses shown
capture_up() {
  rm -f "$lab_state/capture.log"
  daemon_start capture ip netns exec fw tcpdump -Z root -l -e -n -i trunk "$@"
  daemon_ready capture 10 grep -q 'listening on' "$lab_state/capture.log"
}

# in-lab capture-down                 stops it and prints what it saw
capture_down() {
  daemon_stop capture INT
  grep -E '^[0-9]{2}:' "$lab_state/capture.log" || true
}
