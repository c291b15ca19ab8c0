# A real system manager: systemd of this machine's Debian, with its journal, as process 1 of a process namespace. It knows no
# unit but scripts/vlandhcp.service, what that one refers to, and what a test installs in its /etc/systemd/system. Engine and
# tests stay outside, in the same network, unless a test starts the unit `docker`.
# shellcheck shell=bash

systemd_folder=$lab_state/systemd
systemd_app=$systemd_folder/lib/vlandhcp
systemd_group=/sys/fs/cgroup/lab-systemd
systemd_units=$systemd_folder/units

# systemd_pid: the manager's process id, as this machine counts; its parent `unshare` is the daemon.
systemd_pid() { pgrep --parent "$(daemon_pid systemd)"; }

# in-lab systemd COMMAND...            runs a command beside the system manager: systemd systemctl status vlandhcp
systemd() {
  local pid
  pid=$(systemd_pid) || die 'no system manager runs; call systemd-up first'
  nsenter --target "$pid" --mount --pid --uts --cgroup -- "$@"
}

systemd_answers() { systemd systemctl is-active lab.target; }

# The manager reads its journal's units and ours, and no other of this machine.
systemd_write_units() {
  local name
  mkdir -p "$systemd_units" "$systemd_folder/none"
  for name in sysinit basic shutdown multi-user; do
    printf '[Unit]\nDescription=%s of the lab\nDefaultDependencies=no\n' "$name" >"$systemd_units/$name.target"
  done
  printf '[Unit]\nDescription=lab\nDefaultDependencies=no\nRequires=systemd-journald.service\nAfter=systemd-journald.service\n' \
    >"$systemd_units/lab.target"
  cp /lib/systemd/system/systemd-journald.{service,socket} "$systemd_units/"
  cp "$checkout/scripts/vlandhcp.service" "$systemd_units/"
  # The manager's control groups are our own: no other systemd may be asked for some.
  cat >"$systemd_units/docker.service" <<UNIT
[Unit]
Description=the engine of the lab
[Service]
Type=notify
Environment=PATH=$PATH
ExecStart=$(command -v dockerd) --exec-opt native.cgroupdriver=cgroupfs
KillMode=process
Delegate=yes
[Install]
WantedBy=multi-user.target
UNIT
  printf '[Journal]\nStorage=volatile\nReadKMsg=no\nRateLimitBurst=0\n' >"$systemd_folder/journald.conf"
  echo 0123456789abcdef0123456789abcdef >"$systemd_folder/machine-id"
}

# Runs as process 1: a control group for itself, a view of processes and groups to match, our app at its usual place.
systemd_start_script='
  set -e
  echo 0 >"$1/cgroup.procs"
  exec unshare --cgroup --uts /bin/bash -ec "
    mount --make-rshared / # as on a host: services see the namespaces that an engine in here makes
    mount -t proc proc /proc
    umount --recursive /sys/fs/cgroup # the kernel refuses the same file system on top
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount --bind \"\$1/lib\" /usr/local/lib
    mount --bind \"\$1/units\" /etc/systemd/system
    mount --bind \"\$1/hosts\" /etc/hosts
    mount -t overlay -o lowerdir=/usr/local/bin,upperdir=\"\$1/bin\",workdir=\"\$1/work\" overlay /usr/local/bin
    # Its own: where /run/systemd/system is, an engine hands its control groups to systemd.
    mkdir -p /run/systemd
    mount -t tmpfs tmpfs /run/systemd
    mkdir -p /run/systemd/journald.conf.d
    cp \"\$1/journald.conf\" /run/systemd/journald.conf.d/lab.conf
    mount --bind \"\$1/machine-id\" /etc/machine-id
    export container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    export SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH=\"\$1/none\" SYSTEMD_ENVIRONMENT_GENERATOR_PATH=\"\$1/none\"
    exec /lib/systemd/systemd --system --unit=lab.target --log-target=journal --show-status=no" systemd "$2"
'

# in-lab systemd-up                    a real systemd and its journal; scripts/vlandhcp.service is installed there, and not started
systemd_up() {
  [ -x /lib/systemd/systemd ] || die 'the package systemd is missing; run scripts/lab/setup'
  [ -e /sys/fs/cgroup/cgroup.controllers ] || die '/sys/fs/cgroup is not of version 2, which the system manager here needs'
  [ -s "$checkout/dist/vlandhcp.cjs" ] || die 'dist/vlandhcp.cjs is missing; run npm run build'
  mkdir -p "$systemd_folder"/{bin,work} "$systemd_group"
  [ -e "$systemd_folder/hosts" ] || cp /etc/hosts "$systemd_folder/hosts"
  "$checkout/scripts/build-rootfs" --app-only --quiet --bundle "$checkout/dist/vlandhcp.cjs" "$systemd_app"
  systemd_write_units
  # `slave`: namespaces that the engine makes later appear there, too. Nothing that is mounted there comes back.
  daemon_start systemd env -i unshare --mount --propagation slave --pid --fork --kill-child \
    /bin/bash -c "$systemd_start_script" systemd "$systemd_group" "$systemd_folder"
  daemon_ready systemd 60 systemd_answers
}

# in-lab systemd-kill                  a power cut for all that runs under the manager: kill -9, and its files in /run are gone
systemd_kill() {
  kill -KILL "$(systemd_pid)"
  wait_until 20 process_is_gone "$(daemon_pid systemd)" || die 'the system manager was killed and is still there'
  rm -f "$lab_state/systemd.pid"
  find "$systemd_group" -depth -type d -exec rmdir {} +
  rm -rf /run/vlandhcp /run/docker.* /run/containerd
  find /run/docker -mindepth 1 -maxdepth 1 ! -name plugins -exec rm -rf {} +
}

# in-lab systemd-down                  stops the service, then the manager with all that is left in it
systemd_down() {
  daemon_runs systemd || return 0
  local status=0
  systemd systemctl stop vlandhcp.service || status=$?
  systemd_kill
  return "$status"
}
