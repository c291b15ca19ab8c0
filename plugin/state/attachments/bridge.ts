/** Containers by a veth each into a bridge, which has the VLAN link or the parent as a port. */
import { segmentOf } from '../records.ts';
import type { AttachedNetwork, Attachment } from './attachment.ts';
import { isSameSegment, otherMode } from './on-one-segment.ts';

export const bridgeAttachment: Attachment = {
  isMacShared: false,
  bridgeOfPorts: bridgeOf,
  speaker: bridgeOf,
  placeInHost: (network) => ({ link: bridgeOf(network), promiscuous: true }),
  leasePlace: (_network, containerEnd) => ({ link: containerEnd }),
  firewalledBridge: bridgeOf,
  // The guard of the port stops requests that come from the container.
  requestsLeaveBy: bridgeOf,
  connection: (network, rules) => {
    const { isolate: isIsolated } = network.options;
    return { kind: 'veth', bridge: bridgeOf(network), rules, isIsolated };
  },
  refusal: () => undefined,
  unguarded: () => undefined,
  clash(options, other) {
    const { bridge } = options;
    const id = other.id.slice(0, 12);
    if (isSameSegment(options, other.options)) {
      if (other.options.mode !== 'bridge') return otherMode(options, other);
      if (other.options.bridge === bridge) return undefined;
      return `${segmentOf(options)} is already on bridge ${other.options.bridge} for network ${id}; use -o bridge=${other.options.bridge}`;
    }
    if (other.options.bridge !== bridge) return undefined;
    return `bridge ${bridge} already serves ${segmentOf(other.options)} for network ${id}; choose another -o bridge= for ${segmentOf(options)}`;
  },
};

function bridgeOf({ options }: AttachedNetwork): string {
  if (options.bridge === undefined) throw new Error('a network of mode=bridge has a bridge');
  return options.bridge;
}
