# A second Docker host in the same lab machine, at a trunk of its own, and a Swarm of both. The host has namespaces of its
# own, /run and Docker's folders in memory. Processes there have /run/lab of their own. Killed, it is as if its power failed.
#
#   [this machine] eth1 ═══ port1 ┐
#                                 ├ trunk [fw]       (trunk-up switch: `trunk` is a bridge there)
#   [second node]  eth1 ═══ port2 ┘
#   [this machine] nodes 10.98.0.1/24 ─── nodes 10.98.0.2/24 [second node]       (what Docker's managers say)
# shellcheck shell=bash

# in-lab node-pid                     its first process, as this machine counts; the parent of that, `unshare`, is the daemon
node_pid() { pgrep --parent "$(daemon_pid node)"; }

# in-lab node COMMAND...              runs a command on the second node
node() {
  local pid
  pid=$(node_pid) || die 'there is no second node; call node-up first'
  nsenter --target "$pid" --mount --uts --net --pid -- "$@"
}

node_is_laid_out() { (node test -e /run/lab/ready); }

# in-lab node-up [bare]               the second node, with an engine and the managed plugin (after trunk-up switch);
# in-lab node-up ...                  with `bare` without the plugin
node_up() {
  ip -n fw -d link show trunk | grep -qw bridge || die 'the trunk has no switch for a second node; call trunk-up switch'
  daemon_start node unshare --mount --uts --net --pid --fork --kill-child --mount-proc --propagation private -- \
    "$lab_scripts/in-lab" node-life
  daemon_ready node 20 node_is_laid_out
  ip link add nodes type veth peer name nodes netns "$(node_pid)"
  ip address add 10.98.0.1/24 dev nodes
  ip link set nodes up
  ip -n fw link add port2 type veth peer name eth1 netns "$(node_pid)"
  ip -n fw link set port2 master trunk up
  node ip address add 10.98.0.2/24 dev nodes
  node ip link set nodes up
  node ip link set eth1 up
  node "$lab_scripts/in-lab" engine-up
  [ "${1:-}" = bare ] || node "$lab_scripts/in-lab" plugin-up
}

# in-lab node-life                    what the first process of the second node does; node-up starts it (compare guest-init)
node_life() {
  local folder
  hostname node2
  for folder in /run /var/lib/docker /var/lib/vlandhcp; do mount -t tmpfs -o size=80% tmpfs "$folder"; done
  mkdir -p /run/netns /run/lock /run/docker/plugins /run/lab
  mount -t sysfs sysfs /sys
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mount --make-rshared /
  ip link set lo up
  touch /run/lab/ready
  sleep infinity &
  wait
}

node_ports_are_gone() { ! ip link show nodes && ! ip -n fw link show port2; }

# in-lab node-kill                    its power fails
node_kill() {
  daemon_stop node KILL
  wait_until 20 node_ports_are_gone || die 'the links of the second node are still there 20 s after its end'
}

# in-lab node-down                    the same
node_down() { node_kill; }

swarm_is_whole() { [ "$(docker node ls --format '{{.Status}} {{.Availability}}' | grep -c '^Ready Active$')" = 2 ]; }

# in-lab swarm-up                     both hosts become nodes of a Swarm; this machine is the manager
swarm_up() {
  local token
  docker swarm init --advertise-addr 10.98.0.1 --listen-addr 10.98.0.1:2377 >/dev/null
  token=$(docker swarm join-token --quiet worker)
  node docker swarm join --advertise-addr 10.98.0.2 --listen-addr 10.98.0.2:2377 --token "$token" 10.98.0.1:2377 >/dev/null
  wait_until 60 swarm_is_whole || die 'the second node did not become ready in the Swarm within 60 s'
}

# in-lab swarm-down                   this machine leaves it, so it ends
swarm_down() { docker swarm leave --force >/dev/null; }
