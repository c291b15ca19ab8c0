/** Containers by an ipvlan link (L2) each: they share the MAC of the VLAN link or the parent. */
import type { Attachment } from './attachment.ts';
import { clashOfMode, segmentLinkOf } from './on-one-segment.ts';

export const ipvlanAttachment: Attachment = {
  isMacShared: true,
  hasPorts: false,
  speaker: segmentLinkOf,
  firewalledBridge: () => undefined,
  requestsLeaveBy: () => undefined,
  connection: (network) => ({ kind: 'ipvlan', lower: segmentLinkOf(network) }),
  clash: clashOfMode,
};
