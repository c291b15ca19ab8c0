/** EtherTypes that the programs of the guard tell apart (IEEE registration authority, linux/if_ether.h). */

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** Below this the field is a length, and the frame one of IEEE 802.2. */
export const FIRST_ETHERTYPE = 0x600;

/** A VLAN tag: four bytes, of which the last two are the type of what is behind it. */
export const VLAN_TAG = {
  customer: 0x8100, // IEEE 802.1Q
  service: 0x88a8, // IEEE 802.1ad
  // Double tags before 802.1ad; switches still offer each of them.
  doubled9100: 0x9100,
  doubled9200: 0x9200,
  doubled9300: 0x9300,
} as const;
