# A real Docker Engine: ENGINE=20, 26 or 28 (default 28), whose programs `guest` has put first on the PATH.
# shellcheck shell=bash

# dockerd listens early and answers late: one patient request is cheaper than many short ones.
engine_answers() { [ -S /run/docker.sock ] && curl -sf --max-time 20 --unix-socket /run/docker.sock http://docker/_ping; }

engine_is_settled() { engine_answers || ! daemon_runs dockerd; }

# in-lab engine-up [FLAG...]           starts dockerd and waits until it answers; loads the image `bb` (busybox) once
engine_up() {
  daemon_start dockerd dockerd "$@"
  # On a slow machine it ends when its containerd takes too long; systemd would start it again, too.
  local start
  for start in 2 3 4; do
    if ! wait_until 120 engine_is_settled || daemon_runs dockerd; then break; fi
    echo "dockerd ended by itself; start number $start" >>"$lab_state/dockerd.log"
    daemon_start dockerd dockerd "$@"
  done
  daemon_ready dockerd 120 engine_answers
  if [ ! -e "$lab_state/image-loaded" ]; then
    image_load bb
    touch "$lab_state/image-loaded"
  fi
}

# in-lab engine-up-anyhow              the same; without Docker's firewall rules where this kernel has no iptables
engine_up_anyhow() {
  # Listing succeeds without it; making a chain does not.
  if iptables -t nat -N lab-trial 2>/dev/null; then
    iptables -t nat -X lab-trial
    engine_up
  else
    # Debian's packaged User-Mode Linux. Docker's rules do not matter here: nothing is masqueraded.
    echo '  This kernel has no iptables, so the engine starts with --iptables=false --ip6tables=false.'
    engine_up --iptables=false --ip6tables=false
  fi
}

# in-lab engine-down                   stops dockerd as a reboot would, and waits
engine_down() { daemon_stop dockerd; }

# in-lab engine-kill                   kill -9 for dockerd alone; engine-up starts it again
engine_kill() { daemon_stop dockerd KILL; }

# in-lab image-load NAME               the busybox image under a name of your choice; its default command waits for TERM
image_load() {
  docker import --change 'CMD ["sh", "-c", "trap exit TERM; sleep 2000000 & wait"]' "$LAB/image/bb.tar" "$1:latest" >/dev/null
}
