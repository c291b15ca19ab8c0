/** Containers by a macvlan link each, on the VLAN link or on the parent. Nothing is a bridge. */
import type { Attachment } from './attachment.ts';
import {
  clashOfMode,
  isSameSegment,
  needsNoPort,
  placeOnSegmentLink,
  segmentLinkOf,
  unguardedCard,
} from './on-one-segment.ts';

export const macvlanAttachment: Attachment = {
  isMacShared: false,
  bridgeOfPorts: () => undefined,
  speaker: segmentLinkOf,
  placeInHost: placeOnSegmentLink,
  leasePlace: (_network, containerEnd) => ({ link: containerEnd }),
  firewalledBridge: () => undefined,
  // A DHCP server beside the container, on the same link, is reached from the container's own.
  requestsLeaveBy: () => undefined,
  connection: (network) => ({
    kind: 'macvlan',
    lower: segmentLinkOf(network),
    mode: network.options.macvlanMode ?? 'bridge',
  }),
  refusal: needsNoPort,
  unguarded: (network) =>
    unguardedCard(network) ??
    `the kernel checks what containers send only where it leaves by ${segmentLinkOf(network)}: a container with NET_RAW may take the MAC of another container there, and containers of this host reach each other unchecked; links of others on it cannot send, unless guard=off`,
  clash(options, other) {
    const clash = clashOfMode(options, other);
    if (clash !== undefined || !isSameSegment(options, other.options)) return clash;
    // The host would have two addresses of one subnet, and answer by either link.
    return options.hostAccess && other.options.hostAccess
      ? `network ${other.id.slice(0, 12)} on the same link has host_access=true, and by that the host reaches the containers of both; leave host_access out`
      : undefined;
  },
};
