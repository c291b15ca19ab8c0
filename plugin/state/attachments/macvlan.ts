/** Containers by a macvlan link each, on the VLAN link or on the parent. Nothing is a bridge. */
import type { Attachment } from './attachment.ts';
import { clashOfMode, segmentLinkOf } from './on-one-segment.ts';

export const macvlanAttachment: Attachment = {
  isMacShared: false,
  hasPorts: false,
  speaker: segmentLinkOf,
  leasePlace: (_network, containerEnd) => ({ link: containerEnd }),
  firewalledBridge: () => undefined,
  // A DHCP server beside the container, on the same link, is reached from the container's own.
  requestsLeaveBy: () => undefined,
  connection: (network) => ({
    kind: 'macvlan',
    lower: segmentLinkOf(network),
    mode: network.options.macvlanMode ?? 'bridge',
  }),
  clash: clashOfMode,
};
