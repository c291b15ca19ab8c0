/** Containers by an ipvlan link (L2) each: they share the MAC of the VLAN link or the parent. */
import type { Attachment } from './attachment.ts';
import {
  clashOfMode,
  isSameSegment,
  needsNoPort,
  placeOnSegmentLink,
  segmentLinkOf,
  unguardedCard,
} from './on-one-segment.ts';

export const ipvlanAttachment: Attachment = {
  isMacShared: true,
  bridgeOfPorts: () => undefined,
  speaker: segmentLinkOf,
  placeInHost: placeOnSegmentLink,
  // An ipvlan link without an address hears only broadcasts. Some servers answer to the MAC.
  leasePlace: placeOnSegmentLink,
  firewalledBridge: () => undefined,
  requestsLeaveBy: () => undefined,
  connection: (network) => {
    const { isolate: isIsolated } = network.options;
    return { kind: 'ipvlan', lower: segmentLinkOf(network), isIsolated };
  },
  refusal: needsNoPort,
  unguarded: (network) =>
    unguardedCard(network) ??
    `the kernel checks what containers send only where it leaves by ${segmentLinkOf(network)}: a container with NET_RAW may take the address of another, and containers of this host reach each other unchecked`,
  clash(options, other) {
    const clash = clashOfMode(options, other);
    if (clash !== undefined || !isSameSegment(options, other.options)) return clash;
    // The kernel has one setting for all ipvlan links on a link.
    return options.isolate === other.options.isolate
      ? undefined
      : `network ${other.id.slice(0, 12)} on the same link has isolate=${other.options.isolate}, and all ipvlan links on one link have the same; type -o isolate=${other.options.isolate}, or choose another VLAN`;
  },
};
