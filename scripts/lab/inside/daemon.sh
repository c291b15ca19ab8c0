# Background programs of the lab: started detached, known by pid file, stopped by that pid and no other.
# shellcheck shell=bash

lab_state=/run/lab

# daemon_start NAME COMMAND...: output goes to /run/lab/NAME.log
daemon_start() {
  local name=$1
  shift
  mkdir -p "$lab_state"
  ! daemon_runs "$name" || die "$name is running already"
  setsid "$@" >>"$lab_state/$name.log" 2>&1 </dev/null &
  echo $! >"$lab_state/$name.pid"
}

daemon_pid() { [ -s "$lab_state/$1.pid" ] && echo "$(<"$lab_state/$1.pid")"; }

daemon_runs() {
  [ -s "$lab_state/$1.pid" ] && kill -0 "$(<"$lab_state/$1.pid")" 2>/dev/null
}

# daemon_ready NAME SECONDS CONDITION...: waits for CONDITION, gives up at once when the daemon dies.
daemon_ready() {
  local name=$1 seconds=$2
  shift 2
  condition_or_death() { "$@" || ! daemon_runs "$name"; }
  if wait_until "$seconds" condition_or_death "$@" && daemon_runs "$name"; then return 0; fi
  { echo "the end of $lab_state/$name.log:"; tail -n 15 "$lab_state/$name.log" | sed 's/^/  | /'; } >&2
  die "$name did not become ready within $seconds s"
}

# daemon_stop NAME [SIGNAL]: TERM with 20 s of grace, or the signal named.
daemon_stop() {
  local name=$1 signal=${2:-TERM} pid
  pid=$(daemon_pid "$name") || return 0
  kill -"$signal" "$pid" 2>/dev/null || true
  if ! wait_until 20 process_is_gone "$pid"; then
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$lab_state/$name.pid"
    die "$name (pid $pid) ignored $signal for 20 s and was killed"
  fi
  rm -f "$lab_state/$name.pid"
}

# in-lab log NAME                     what the daemon NAME has written so far
log() { cat "$lab_state/$1.log"; }
# in-lab pid NAME                     its process id
pid() { daemon_pid "$1"; }
