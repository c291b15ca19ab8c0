# A real systemd beside the engine: a pid namespace of its own, whose first process is this machine's systemd.
# shellcheck shell=bash

systemd_journal_runs() { systemctl is-active -q systemd-journald.service; }

# in-lab systemd-up                    starts systemd with its journal and nothing else; waits until it answers
systemd_up() {
  command -v unshare >/dev/null && [ -x /lib/systemd/systemd ] || die 'this machine has no systemd; install it: apt-get install systemd'
  printf '[Unit]\nDescription=Lab\nRequires=systemd-journald.service\nAfter=systemd-journald.service\n' >/etc/systemd/system/lab.target
  daemon_start systemd unshare --pid --fork --mount --propagation slave --mount-proc --kill-child \
    env container=lab /lib/systemd/systemd --system --unit=lab.target --log-target=console --show-status=no
  daemon_ready systemd 60 systemd_journal_runs
}

# in-lab systemd-down                  ends it, and with it all of its services
systemd_down() { daemon_stop systemd KILL; }
