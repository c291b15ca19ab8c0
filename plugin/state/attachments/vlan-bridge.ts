/**
 * Containers by a veth each into an operator's bridge that filters VLANs. The port is in the VLAN
 * of the network. The host speaks on that VLAN by a VLAN link on top of the bridge.
 */
import { outerTagOf } from '../../vocabulary/vlan-tags.ts';
import type { AttachedNetwork, Attachment } from './attachment.ts';
import { clashOfMode, placeOnSegmentLink, segmentLinkOf } from './on-one-segment.ts';

export const vlanBridgeAttachment: Attachment = {
  isMacShared: false,
  bridgeOfPorts: ({ options }) => options.parent,
  speaker: segmentLinkOf,
  placeInHost: placeOnSegmentLink,
  leasePlace: (_network, containerEnd) => ({ link: containerEnd }),
  // Inside such a bridge every frame has its tag, and tagged frames do not pass the firewall.
  firewalledBridge: () => undefined,
  // The guard of the port stops requests that come from the container.
  requestsLeaveBy: segmentLinkOf,
  connection: ({ options }, rules) => {
    const { parent: bridge, isolate: isIsolated } = options;
    return { kind: 'veth', bridge, rules, isIsolated, vlan: oneTag(options) };
  },
  refusal: ({ vlan, parent }) =>
    outerTagOf(vlan) === undefined
      ? undefined
      : `bridge ${parent} filters VLANs by one tag, and -o vlan=${String(vlan)} has two; take one tag, or another -o bridge= that does not filter VLANs`,
  unguarded: () => undefined,
  clash: clashOfMode,
};

function oneTag({ vlan }: AttachedNetwork['options']): number {
  if (typeof vlan !== 'number') throw new Error('a port of a VLAN-aware bridge is in one VLAN');
  return vlan;
}
