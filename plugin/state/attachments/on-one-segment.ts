/** The segment of a network: the link that carries it, and which networks may share it. */
import type { SocketPlace } from '../../leasing/sockets/frame-socket.ts';
import { segmentOf } from '../records.ts';
import type { AttachedNetwork, Named } from './attachment.ts';

type Options = AttachedNetwork['options'];

/** The link that carries the segment: the VLAN link, or the parent of an untagged network. */
export function segmentLinkOf({ options, vlanLink }: AttachedNetwork): string {
  return vlanLink ?? options.parent;
}

/** One socket there hears for all containers of the segment. */
export function placeOnSegmentLink(network: AttachedNetwork): SocketPlace {
  return { link: segmentLinkOf(network), promiscuous: true, shared: true };
}

export function isSameSegment(one: Options, other: Options): boolean {
  return one.parent === other.parent && one.vlan === other.vlan;
}

/** The kernel lets only one kind of link, or a bridge, take frames from a link. */
export function otherMode(
  options: Options,
  { id, options: other }: Named & AttachedNetwork,
): string {
  const typed =
    other.mode === 'vlan-bridge' ? `mode=bridge -o bridge=${other.parent}` : `mode=${other.mode}`;
  return `${segmentOf(options)} already has network ${id.slice(0, 12)} of ${typed}, and one link serves one mode; type -o ${typed}, or choose another VLAN`;
}

/** The clash of a mode without a bridge. Networks of one mode share their segment's link. */
export function clashOfMode(options: Options, other: Named & AttachedNetwork): string | undefined {
  const isOtherMode = options.mode !== other.options.mode;
  return isSameSegment(options, other.options) && isOtherMode
    ? otherMode(options, other)
    : undefined;
}

/** Only a port of a bridge knows which container a frame is from. */
export function needsNoPort({ mode, guard }: Options): string | undefined {
  return guard === 'full'
    ? `-o guard=full checks each container's address at its port of a bridge, and mode=${mode} has no ports; take guard=mac, or mode=bridge`
    : undefined;
}

/** What leaves by a link of the host's own is not ours to check. */
export function unguardedCard(network: AttachedNetwork): string | undefined {
  const { vlanLink, theirs = [] } = network;
  return vlanLink === undefined || theirs.includes('vlan-link')
    ? `${segmentLinkOf(network)} is a link of the host's own, so nothing that containers send by it is checked`
    : undefined;
}
