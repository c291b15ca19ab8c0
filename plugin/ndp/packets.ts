/** The packets of neighbour discovery that a host sends, with their addresses. */
import type { Mac } from '../wire/address.ts';
import {
  ALL_NODES,
  ALL_ROUTERS,
  IPV6_ANY,
  linkLocalOf,
  multicastMacOf,
  solicitedNodeOf,
  type Ipv6,
} from '../wire/address6.ts';
import type { NdpFrame } from './frame.ts';
import type { NeighborSolicitation } from './message.ts';

/**
 * RFC 4861 §4.1: from our link-local address, with our MAC. Then the router answers us alone, and
 * at once. It answers `::` by multicast, which radvd sends at most every 3 s.
 */
export function routerSolicitation(mac: Mac): NdpFrame {
  return {
    sourceMac: mac,
    destinationMac: multicastMacOf(ALL_ROUTERS),
    source: linkLocalOf(mac),
    destination: ALL_ROUTERS,
    message: { type: 'router-solicitation', options: [{ type: 'source-link-layer', mac }] },
  };
}

/** RFC 4862 §5.4.2: asks from `::` who has the address. */
export function duplicateAddressProbe(mac: Mac, target: Ipv6): NdpFrame {
  const destination = solicitedNodeOf(target);
  return {
    sourceMac: mac,
    destinationMac: multicastMacOf(destination),
    source: IPV6_ANY,
    destination,
    message: { type: 'neighbor-solicitation', target, options: [] },
  };
}

/**
 * RFC 4861 §7.2.4: we have the address that was asked for. A host without an address of its own is
 * answered through all nodes.
 */
export function neighborAnswer(mac: Mac, asked: NdpFrame<NeighborSolicitation>): NdpFrame {
  const { target } = asked.message;
  const isAnonymous = asked.source === IPV6_ANY;
  return {
    sourceMac: mac,
    destinationMac: isAnonymous ? multicastMacOf(ALL_NODES) : asked.sourceMac,
    source: target,
    destination: isAnonymous ? ALL_NODES : asked.source,
    message: {
      type: 'neighbor-advertisement',
      isRouter: false,
      isSolicited: !isAnonymous,
      isOverride: true,
      target,
      options: [{ type: 'target-link-layer', mac }],
    },
  };
}
