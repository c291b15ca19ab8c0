/**
 * Checks what a parent, a VLAN link and a bridge must look like before a network uses them.
 *
 * The checks are pure functions of what the kernel said. Each refusal is one sentence: what was
 * seen, and what would fix it. Two rules are behind them. The host's own connectivity is never
 * touched. Two VLANs are never joined.
 */
import type { AttachmentMode } from '../../vocabulary/attachment.ts';
import type { GuardMode } from '../../vocabulary/port-rules.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { isVlan, outerTagOf, vlanLabel, type Segment } from '../../vocabulary/vlan-tags.ts';
import { isMemberMark } from '../../vocabulary/uplink-alias.ts';
import type { Link } from './link-info.ts';
import { STAYS_IN_HOST } from '../../vocabulary/link-kinds.ts';
import { isLinkName, LINK_NAME_RULE } from '../../vocabulary/link-name.ts';
import { bridgeMark, isMarked, outerLinkName, vlanLinkName } from './link-names.ts';

/** The links that a network wants. If `vlan` is undefined: the parent's untagged traffic. */
export interface NetworkLinkSpec extends Segment {
  /** If undefined: `bridge`. */
  readonly mode?: AttachmentMode;
  /** Undefined unless `mode` is `bridge`. */
  readonly bridge: string | undefined;
  /** With `mode` `vlan-bridge`: the port of the parent that leads to the trunk, if it is known. */
  readonly uplink?: string | undefined;
  /** With `mode` `vlan-bridge`: the links that were added to the VLAN before. */
  readonly vlanMembers?: readonly string[] | undefined;
  readonly mtu: number | undefined;
  /** Without a bridge: what containers may not send by the link. If undefined: `mac`. */
  readonly guard?: GuardMode;
}

/**
 * What is wanted of a parent: all links of a network, or only a link for one VLAN if both `mode`
 * and `bridge` are undefined.
 */
export interface SegmentSpec extends Segment {
  readonly mode?: AttachmentMode | undefined;
  readonly bridge?: string | undefined;
}

/** The flag by which the user types the options: of a network, or of an IPAM driver. */
export function flagOf({ mode, bridge }: SegmentSpec): string {
  return mode === undefined && bridge === undefined ? '--ipam-opt' : '-o';
}

/** Checks only the text of the options. @throws PluginError INVALID_OPTION */
export function checkSegment(spec: SegmentSpec): void {
  const { parent, vlan } = spec;
  checkLinkName(spec, 'parent', parent);
  if (vlan !== undefined && !isVlan(vlan)) {
    throw new PluginError('INVALID_OPTION', `VLAN id ${String(vlan)} is outside 1 to 4094`);
  }
}

/** Checks only the text of the options. @throws PluginError INVALID_OPTION */
export function checkSpec(spec: NetworkLinkSpec): void {
  const { parent, vlan, bridge } = spec;
  checkSegment(spec);
  if (bridge === undefined) return;
  checkLinkName(spec, 'bridge', bridge);
  const outer = outerTagOf(vlan);
  const below = [
    parent,
    ...(outer === undefined ? [] : [outerLinkName(parent, outer)]),
    ...(vlan === undefined ? [] : [vlanLinkName(parent, vlan)]),
  ];
  if (below.includes(bridge)) {
    throw new PluginError(
      'INVALID_OPTION',
      `-o bridge=${bridge} names the link that the bridge is to be connected to; choose another name`,
    );
  }
}

function checkLinkName(spec: SegmentSpec, option: string, name: string): void {
  if (isLinkName(name)) return;
  throw new PluginError(
    'INVALID_OPTION',
    `${flagOf(spec)} ${option}=${JSON.stringify(name)} is not ${LINK_NAME_RULE}`,
  );
}

/** Refuses a parent or VLAN link that the host itself uses. @param use see `readHostUse`. */
export function checkHostUse(link: Link, use: readonly string[]): void {
  if (use.length === 0) return;
  if (link.vlan === undefined) {
    throw unusable(
      link,
      `parent link ${link.name} carries ${use.join(', ')} of this host; an untagged network would cut the host off from it; set a VLAN id with -o vlan=, or a parent link without addresses`,
      use,
    );
  }
  throw new PluginError(
    'LINK_CONFLICT',
    `VLAN link ${link.name} carries ${use.join(', ')} of this host; a port of a bridge cannot carry it; remove it from ${link.name} or choose another VLAN`,
    { evidence: { link, use } },
  );
}

/**
 * Checks the link that has the name of our VLAN link.
 * @param wanted the tags of that link, for the message.
 * @throws PluginError LINK_CONFLICT
 */
export function checkVlanNameIsFree(
  { parent }: SegmentSpec,
  wanted: string,
  holder: Link | undefined,
): void {
  if (holder === undefined) return;
  throw conflict(
    holder,
    `link ${holder.name} exists and is ${describe(holder)}, not ${wanted} of ${parent}; rename or remove it`,
  );
}

/** Checks an existing VLAN link of the right parent and id. @throws PluginError LINK_CONFLICT */
export function checkVlanLink(spec: NetworkLinkSpec, link: Link): void {
  if (link.master === undefined || link.master === spec.bridge) return;
  if (spec.bridge === undefined) {
    throw conflict(
      link,
      `VLAN link ${link.name} is a port of ${link.master}, which takes its frames before a ${String(spec.mode)} link can; type -o mode=bridge -o bridge=${link.master}`,
    );
  }
  throw conflict(
    link,
    `VLAN link ${link.name} is already a port of ${link.master}; to use that bridge set -o bridge=${link.master}`,
  );
}

/**
 * Checks an existing link with the bridge's name, and its ports.
 * @param use see `readHostUse`.
 * @param uplink the name of the VLAN link, or of the parent for an untagged network.
 * @throws PluginError LINK_CONFLICT
 */
export function checkBridge(
  spec: NetworkLinkSpec,
  bridge: Link,
  ports: readonly Link[],
  use: readonly string[],
  uplink: string,
): void {
  const subject = `bridge ${bridge.name}`;
  if (bridge.kind !== 'bridge') {
    throw conflict(
      bridge,
      `link ${bridge.name} exists and is ${describe(bridge)}, not a bridge; choose another name with -o bridge=`,
    );
  }
  if (isMarked(bridge.alias) && bridge.alias !== bridgeMark(uplink)) {
    throw conflict(
      bridge,
      `${subject} is in use by another network ("${bridge.alias}") and would join it with ${uplink}; choose another name with -o bridge=`,
    );
  }
  const stranger = ports.find(
    (port) => port.vlan !== undefined && port.name !== uplink && !isMemberPort(port, spec),
  );
  if (stranger !== undefined) {
    throw conflict(
      stranger,
      `${subject} already has port ${stranger.name}, which is ${describe(stranger)}, and would join it with ${uplink}; choose another name with -o bridge=`,
    );
  }
  const untagged = ports.find((port) => port.name === spec.parent && spec.vlan !== undefined);
  if (untagged !== undefined) {
    throw conflict(
      untagged,
      `${subject} already has port ${untagged.name} and would join its untagged traffic with VLAN ${vlanLabel(spec.vlan ?? 0)}; choose another name with -o bridge=`,
    );
  }
  // If the uplink is already a port of this bridge, both carry one segment. Nothing would be
  // joined.
  if (ports.some((port) => port.name === uplink)) return;
  const isOurs = bridge.alias === bridgeMark(uplink);
  if (isOurs && spec.vlan !== undefined) return;
  const wayOut = ports.find(
    (port) => !STAYS_IN_HOST.includes(port.kind) && !isMemberPort(port, spec),
  );
  if (wayOut !== undefined && isOurs) {
    // The parent was renamed, and another link has its name now. Two segments must not become one.
    throw conflict(
      wayOut,
      `${subject} of ${uplink} has port ${wayOut.name}, which is ${describe(wayOut)}, and would join it with the ${uplink} there is now; if ${wayOut.name} was called ${uplink} before, give both their names back; else take it out with: ip link set ${wayOut.name} nomaster`,
    );
  }
  if (isOurs) return;
  if (wayOut !== undefined) {
    throw conflict(
      wayOut,
      `${subject} already has port ${wayOut.name}, which is ${describe(wayOut)}, and would join it with ${uplink}; choose another name with -o bridge=`,
    );
  }
  if (use.length > 0) {
    throw new PluginError(
      'LINK_CONFLICT',
      `${subject} carries ${use.join(', ')} of this host; the network would join it with ${uplink}; choose another name with -o bridge=`,
      { evidence: { link: bridge, use } },
    );
  }
}

/** True for a port of the hub that leads to a member's host, in this VLAN (U10). */
function isMemberPort({ alias, vlan }: Link, spec: NetworkLinkSpec): boolean {
  return isMemberMark(alias) && vlan?.protocol === '802.1Q' && vlan.id === spec.vlan;
}

/** Returns the MTU of container links. @throws PluginError INVALID_OPTION */
export function effectiveMtu(spec: NetworkLinkSpec, uplink: Pick<Link, 'name' | 'mtu'>): number {
  if (spec.mtu === undefined) return uplink.mtu;
  if (spec.mtu <= uplink.mtu) return spec.mtu;
  const raise =
    outerTagOf(spec.vlan) === undefined
      ? "raise that link's MTU first"
      : `raise the MTU of ${spec.parent} first, which must have 4 bytes more for the second tag`;
  throw new PluginError(
    'INVALID_OPTION',
    `MTU ${spec.mtu} is more than the ${uplink.mtu} of ${uplink.name}; lower it, or ${raise}`,
  );
}

/** Returns facts that are no reason to refuse, but that an operator should know. */
export function warningsAbout(parent: Link, bridge: Link | undefined): string[] {
  const warnings: string[] = [];
  if (parent.hasNoCarrier) {
    warnings.push(`parent link ${parent.name} has no carrier: nothing is connected to it`);
  }
  if (bridge?.bridge?.hasStp === true) {
    const delay = 2 * bridge.bridge.forwardDelaySec;
    warnings.push(
      `bridge ${bridge.name} runs STP: a new container's port forwards nothing for ${delay} s, and DHCP may time out meanwhile`,
    );
  }
  return warnings;
}

export function describe(link: Link): string {
  if (link.vlan === undefined) return link.kind === undefined ? 'a network card' : `a ${link.kind}`;
  const name = `VLAN ${link.vlan.id} of ${link.lower ?? 'another namespace'}`;
  return link.vlan.protocol === '802.1Q' ? name : `${link.vlan.protocol} ${name}`;
}

export function unusable(link: Link, message: string, use?: readonly string[]): PluginError {
  return new PluginError('PARENT_LINK_UNUSABLE', message, { evidence: { link, use } });
}

export function conflict(link: Link, message: string): PluginError {
  return new PluginError('LINK_CONFLICT', message, { evidence: { link } });
}
