/** Containers by an ipvlan link (L2) each: they share the MAC of the VLAN link or the parent. */
import type { Attachment } from './attachment.ts';
import { clashOfMode, placeOnSegmentLink, segmentLinkOf } from './on-one-segment.ts';

export const ipvlanAttachment: Attachment = {
  isMacShared: true,
  hasPorts: false,
  speaker: segmentLinkOf,
  // An ipvlan link without an address hears only broadcasts. Some servers answer to the MAC.
  leasePlace: placeOnSegmentLink,
  firewalledBridge: () => undefined,
  requestsLeaveBy: () => undefined,
  connection: (network) => ({ kind: 'ipvlan', lower: segmentLinkOf(network) }),
  clash: clashOfMode,
};
