# The words of a story: chapters, commands as a person types them, and what is shown when a claim does not hold.
# shellcheck shell=bash

chapter=starting
story_logs=() # daemons whose last words are shown when the story fails
begin() {
  chapter=$1
  printf '\n== %s  (%s s)\n' "$1" "$(seconds_since "$lab_started_at")"
}
failed() {
  trap - ERR EXIT
  local name
  for name in "${story_logs[@]}"; do
    echo "-- the last words of $name"
    tail -n 8 "$lab_state/$name.log" 2>/dev/null || true
  done
  echo "-- the plugin's last words"
  { plugin_log 2>/dev/null || true; } | tail -n 15
  echo "-- dockerd's last words"
  tail -n 8 "$lab_state/dockerd.log" 2>/dev/null || true
  echo
  echo "demo: FAILED while: $chapter${1:+: $1}"
  exit 1
}
trap 'failed "line $LINENO: $BASH_COMMAND"' ERR
trap 'failed "line $LINENO"' EXIT # die, in a piece of the lab
set -o errtrace

# shown COMMAND...: what a user would type, in quotes where a shell needs them, and what it answers
shown() {
  printf '$ %s\n' "$(as_typed "$@")"
  "$@" 2>&1 | sed 's/^/  /' || failed "$*"
}
# refused COMMAND...: the same for a command that has to fail
refused() {
  printf '$ %s\n' "$(as_typed "$@")"
  ! "$@" >"$lab_state/refused" 2>&1 || failed "$* was not refused"
  sed 's/^/  /' "$lab_state/refused"
}
network_field() { docker inspect --format "{{.NetworkSettings.Networks.fw500.$1}}" asterisk; }

# frames_shown ADDRESS MAC: those of the capture that are of that MAC, all tagged 500, each kind explained once
frames_shown() {
  local frames tagged
  capture_down >"$lab_state/frames"
  frames=$(grep -c "$2" "$lab_state/frames") || failed "no frame with the container's MAC $2"
  tagged=$(awk -v mac="$2" 'index($0, mac) && / vlan 500,/ { n++ } END { print n + 0 }' "$lab_state/frames")
  [ "$tagged" = "$frames" ] || failed "of $frames frames of the container only $tagged are tagged 500"
  echo '$ ip netns exec fw tcpdump -e -n -i trunk'
  awk -v mac="$2" -v address="$1" -f "$lab_scripts/frames.awk" "$lab_state/frames"
  echo "  $frames frames from or to $2 in all. Each has the tag of VLAN 500. The firewall sees the container's own MAC."
}
