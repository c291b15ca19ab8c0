/**
 * Rules of nftables that drop a probe that comes in pieces (pure). WireGuard lets routers cut the
 * datagram around a packet, and the kernel of the sender does it if it knows a smaller MTU. Such a
 * probe would pass, and would say nothing. WireGuard copies the ECT(1) of a probe (whole-socket.ts)
 * into the header around it, so its first piece is known here. Without it the others are nothing.
 *
 * Over IPv6 only the sender cuts, and the probe asks its kernel (path-state.ts).
 *
 * The DF flag would do the same, but new kernels do not let nftables set it.
 */

/** Before the kernel joins pieces (NF_IP_PRI_CONNTRACK_DEFRAG is -400). */
const PRIORITY = -450;

/**
 * The table needs a counter `pieces`.
 * @param datagrams of WireGuard that come in: `udp dport 51820`.
 */
export function wholeRules(datagrams: string): readonly string[] {
  return [
    'chain whole {',
    `type filter hook prerouting priority ${PRIORITY}; policy accept;`,
    `${datagrams} ip ecn ect1 ip frag-off & 0x2000 != 0 counter name pieces drop`,
    '}',
  ];
}
