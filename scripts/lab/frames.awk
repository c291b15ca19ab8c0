# What tcpdump -e -n saw of one container, for the demo: the first frame of each kind, whole, how many there were, and
# what they mean. Usage: awk -v mac=MAC -v address=ADDRESS -f frames.awk FRAMES
function kind(line) {
  if (line ~ /BOOTP\/DHCP, Request/) return "ask"
  if (line ~ /BOOTP\/DHCP, Reply/) return "answer"
  if (line ~ /who-has 0\.0\.0\.0 tell 0\.0\.0\.0/) return "empty"
  if (index(line, "who-has " address " tell 0.0.0.0")) return "probe"
  if (index(line, "who-has " address " tell " address)) return "announce"
  if (line ~ /who-has/) return "who"
  if (line ~ / is-at /) return "is"
  if (line ~ /ICMP echo/) return "ping"
  return "other"
}
BEGIN {
  says["ask"] = "The plugin asks for a lease with the MAC of the container. It has no address yet, so it sends from 0.0.0.0 to all."
  says["answer"] = "The DHCP server of VLAN 500 offers an address, and then confirms it."
  says["probe"] = "The plugin asks whether another host has this address (RFC 5227). Nobody answers. The sender is 0.0.0.0, so that nobody learns a wrong entry."
  says["announce"] = "The container has the address now, and tells all hosts and switches: it asks for its own address (RFC 5227)."
  says["empty"] = "Docker Engine announces the address once more, by itself. It writes 0.0.0.0 in place of the address. No host takes notice."
  says["who"] = "One host asks for the MAC of the other. This is ordinary ARP between the container and the firewall."
  says["is"] = "One host answers such a question of the other with its MAC."
  says["ping"] = "The pings from above. The office's pings go through the firewall."
  says["other"] = "These frames are not explained here."
}
index($0, mac) || (/ vlan 500,/ && /BOOTP\/DHCP, Reply/) {
  of = kind($0)
  if (!(of in count)) { order[++kinds] = of; first[of] = $0 }
  count[of]++
}
END {
  for (i = 1; i <= kinds; i++) {
    of = order[i]
    printf "  %s\n      %s%s\n", first[of], (count[of] > 1 ? "(" count[of] " frames) " : ""), says[of]
  }
}
