/**
 * The EtherTypes that the programs of the guard know (IEEE registration authority,
 * linux/if_ether.h).
 */

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** A smaller value in the field is a length. The frame is then one of IEEE 802.2. */
export const FIRST_ETHERTYPE = 0x600;

/** A VLAN tag has four bytes. The last two are the type of what is behind it. */
export const VLAN_TAG = {
  customer: 0x8100, // IEEE 802.1Q
  service: 0x88a8, // IEEE 802.1ad
  // Used for double tags before 802.1ad. Switches still offer each of them.
  doubled9100: 0x9100,
  doubled9200: 0x9200,
  doubled9300: 0x9300,
} as const;

/** Other tags in front of a whole frame. A switch acts on them and removes them. */
export const OTHER_TAG = {
  serviceInstance: 0x88e7, // IEEE 802.1ah
  portExtender: 0x893f, // IEEE 802.1BR
  virtualInterface: 0x8926, // Cisco VN-Tag
  metadata: 0x8909, // Cisco TrustSec, CMD
  redundancy: 0xf1c1, // IEEE 802.1CB
  seamlessRedundancy: 0x892f, // IEC 62439-3, HSR
  congestion: 0x22e9, // IEEE 802.1Qau
  trill: 0x22f3, // RFC 6325
  fabricPath: 0x8903, // Cisco
} as const;

/** Only a host that has the sender's key can remove this tag (IEEE 802.1AE). */
export const MACSEC_TAG = 0x88e5;

/**
 * Messages to a switch or a network card about the link itself. Some are accepted whatever the
 * destination MAC is.
 */
export const CONTROL = {
  pause: 0x8808, // IEEE 802.3, annex 31: also PFC
  slowProtocols: 0x8809, // IEEE 802.3, annex 57A: LACP, marker, OAM
  discovery: 0x88cc, // IEEE 802.1AB, LLDP
  portAuthentication: 0x888e, // IEEE 802.1X
  vlanRegistration: 0x88f5, // IEEE 802.1Q, MVRP
  multicastRegistration: 0x88f6, // IEEE 802.1Q, MMRP
  streamReservation: 0x22ea, // IEEE 802.1Qat, MSRP
  congestionNotification: 0x22e7, // IEEE 802.1Qau
  faultManagement: 0x8902, // IEEE 802.1ag
  edgeControl: 0x8940, // IEEE 802.1Qbg, ECP
  mediaRedundancy: 0x88e3, // IEC 62439-2, MRP
  parallelRedundancy: 0x88fb, // IEC 62439-3, PRP supervision
  trillRouting: 0x22f4, // RFC 6325, IS-IS
} as const;
