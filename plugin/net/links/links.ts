/**
 * Makes the links of a network: `parent`, `parent.VID` on it, and the bridge that joins containers
 * to it.
 *
 * Making them is idempotent. The calls take turns, because each first looks and then acts. Our
 * links carry a mark (link-names.ts). Only marked links are ever removed (remove-links.ts). The
 * host takes no part in the VLAN: no addresses, no IPv6, and no ARP answers with the addresses of
 * its other links.
 */
import type { AttachmentMode } from '../../vocabulary/attachment.ts';
import type { GuardMode } from '../../vocabulary/port-rules.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { mtuBehindTags, outerTagOf, vlanLabel } from '../../vocabulary/vlan-tags.ts';
import { UndoList } from '../../undo.ts';
import { protectLinks, type Protection } from '../guard/protection.ts';
import { completeSenders, type Sender } from '../guard/senders.ts';
import { failedLine, ipBatch, isAlreadyThere, isNotSupported, isTaken } from '../ip.ts';
import { detachUplink, makeLink, oneNetworkAtATime } from './link-changes.ts';
import {
  checkBridge,
  checkHostUse,
  checkSpec,
  checkVlanLink,
  checkVlanNameIsFree,
  effectiveMtu,
  warningsAbout,
} from './link-checks.ts';
import type { NetworkLinkSpec } from './link-checks.ts';
import { readHostUse, readLink, readPorts } from './link-info.ts';
import type { Link } from './link-info.ts';
import { bridgeMac, bridgeMark, isMarked, OUTER_MARK, vlanLinkName } from './link-names.ts';
import {
  lowerProtection,
  makeLowerLink,
  type NetworkLinks,
  type SegmentGround,
} from './lower-link.ts';
import { joinVlanBridge } from './vlan-bridge.ts';
import {
  examineOuterLink,
  findOuterLink,
  findVlanLink,
  makeVlanLink,
  requireParent,
} from './vlan-link.ts';

/**
 * The VLAN id that a bridge of ours uses inside for untagged frames. Frames tagged with this id
 * would count as untagged. The kernel's default is 1, and a trunk may carry VLAN 1 tagged.
 */
const UNTAGGED_PVID = 4094;

/**
 * Makes the missing links of a network. If it refuses or fails, it leaves everything as it was.
 * @throws PluginError INVALID_OPTION, PARENT_LINK_MISSING, PARENT_LINK_UNUSABLE, LINK_CONFLICT,
 * VLAN_UNSUPPORTED, IP_COMMAND_FAILED; an AggregateError with it if undoing failed too.
 */
export function ensureNetworkLinks(spec: NetworkLinkSpec): Promise<NetworkLinks> {
  return oneNetworkAtATime(async () => {
    checkSpec(spec);
    try {
      return await makeLinks(spec);
    } catch (error) {
      if (!isAlreadyThere(error)) throw error;
      return await makeLinks(spec); // somebody else has made the link after our look
    }
  });
}

async function makeLinks(spec: NetworkLinkSpec): Promise<NetworkLinks> {
  const parent = await requireParent(spec);
  const outer = await examineOuterLink(spec);
  const vlanLink = await examineVlanLink(spec);
  const uplink = spec.vlan === undefined ? parent : vlanLink;
  const name = uplink?.name ?? vlanLinkName(parent.name, spec.vlan ?? 0);
  const room = mtuBehindTags(spec.vlan, outer?.mtu ?? parent.mtu);
  const toBe = outerTagOf(spec.vlan) === undefined ? parent : { name, mtu: room };
  const isOurs = vlanLink === undefined || isMarked(vlanLink.alias);
  const owner = spec.vlan === undefined ? undefined : isOurs ? 'ours' : 'theirs';
  const ground: SegmentGround = {
    parent,
    uplink,
    name,
    owner,
    mtu: effectiveMtu(spec, uplink ?? toBe),
  };
  const links = await makeOnGround(spec, ground);
  return outerTagOf(spec.vlan) === undefined ? links : withOuterLink(spec, links);
}

function makeOnGround(spec: NetworkLinkSpec, ground: SegmentGround): Promise<NetworkLinks> {
  const { bridge, mode } = spec;
  if (bridge !== undefined) return makeBridgedLinks({ ...spec, bridge }, ground);
  return mode === 'vlan-bridge' ? joinVlanBridge(spec, ground) : makeLowerLink(spec, ground);
}

async function withOuterLink(spec: NetworkLinkSpec, links: NetworkLinks): Promise<NetworkLinks> {
  const outer = await findOuterLink(spec);
  if (outer === undefined) throw new Error('the link of the outer tag has just gone');
  const theirs = isMarked(outer.alias) ? [] : (['outer-link'] as const);
  return { ...links, outerLink: outer.name, theirs: [...links.theirs, ...theirs] };
}

async function makeBridgedLinks(
  spec: NetworkLinkSpec & { readonly bridge: string },
  { parent, uplink, name: uplinkName, owner, mtu }: SegmentGround,
): Promise<NetworkLinks> {
  const isPort = uplink?.master === spec.bridge;
  if (uplink !== undefined && !isPort) {
    checkHostUse(uplink, await readHostUse(uplink.name));
  }
  const bridge = await readLink(spec.bridge);
  if (bridge !== undefined) {
    const use = isPort ? [] : await readHostUse(bridge.name);
    checkBridge(spec, bridge, await readPorts(bridge.name), use, uplinkName);
  }

  const warnings = warningsAbout(parent, bridge);
  const undo = new UndoList();
  try {
    if (uplink === undefined)
      warnings.push(...(await makeVlanLink(spec, parent, uplinkName, undo)));
    if (bridge === undefined) warnings.push(...(await makeBridge(spec, parent, uplinkName, undo)));
    if (!isPort) await attachUplink(uplinkName, spec.bridge, undo);
    const ownBridge = bridge === undefined || isMarked(bridge.alias);
    const protections: Protection[] = [
      ...(ownBridge ? [{ link: spec.bridge, as: 'closed' } as const] : []),
      ...(owner === 'ours'
        ? [{ link: uplinkName, as: 'uplink', isMacClosed: ownBridge } as const]
        : []),
    ];
    warnings.push(...(await protectLinks(protections)));
    await ipBatch([`link set dev ${uplinkName} up`, `link set dev ${spec.bridge} up`]);
    return {
      vlanLink: owner && uplinkName,
      bridge: spec.bridge,
      mtu,
      created: {
        vlanLink: uplink === undefined,
        bridge: bridge === undefined,
        uplinkPort: !isPort,
      },
      theirs: [
        ...(ownBridge ? [] : (['bridge'] as const)),
        ...(owner === 'theirs' ? (['vlan-link'] as const) : []),
      ],
      warnings,
    };
  } catch (error) {
    throw await undo.run(error);
  }
}

/**
 * Makes only the bridge of a network, while the parent is missing. When the parent comes back, it
 * is attached to the bridge.
 * @param spec `vlanLink`: the name that the VLAN link had.
 * @returns sentences for the log.
 * @throws PluginError LINK_CONFLICT if another link has the name, IP_COMMAND_FAILED.
 */
export function ensureBridge(
  spec: NetworkLinkSpec & { readonly bridge: string; readonly vlanLink: string | undefined },
): Promise<string[]> {
  return oneNetworkAtATime(async () => {
    const uplink = spec.vlanLink ?? spec.parent;
    const bridge = await readLink(spec.bridge);
    if (bridge !== undefined) {
      checkBridge(spec, bridge, await readPorts(bridge.name), [], uplink);
      if (isMarked(bridge.alias) && !bridge.isUp) await ipBatch([`link set dev ${bridge.name} up`]);
      return [];
    }
    const undo = new UndoList();
    try {
      const parent = { name: spec.parent, mac: undefined, mtu: spec.mtu ?? USUAL_MTU };
      const warnings = await makeBridge(spec, parent, uplink, undo);
      await ipBatch([`link set dev ${spec.bridge} up`]);
      return warnings;
    } catch (error) {
      throw await undo.run(error);
    }
  });
}

/** The MTU of Ethernet. Once a bridge has ports, its MTU follows theirs. */
const USUAL_MTU = 1500;

/**
 * Closes those of the links that are ours to the host.
 * @returns sentences for the log.
 * @throws PluginError IP_COMMAND_FAILED
 */
export async function protectNetwork(links: {
  readonly bridge: string | undefined;
  readonly vlanLink: string | undefined;
  readonly outerLink?: string | undefined;
  /** If undefined: `bridge`. */
  readonly mode?: AttachmentMode;
  readonly guard?: GuardMode;
  /** The links of its containers, with mode=macvlan. If undefined: every MAC may send. */
  readonly senders?: (() => readonly Sender[]) | undefined;
}): Promise<readonly string[]> {
  const bridge = links.bridge === undefined ? undefined : await readLink(links.bridge);
  const vlanLink = links.vlanLink === undefined ? undefined : await readLink(links.vlanLink);
  const outerLink = links.outerLink === undefined ? undefined : await readLink(links.outerLink);
  const isOwnBridge = isMarked(bridge?.alias);
  const { senders } = links;
  if (vlanLink !== undefined && links.mode === 'macvlan' && senders !== undefined) {
    completeSenders(vlanLink.name, links.guard ?? 'mac', senders());
  }
  const ofVlanLink = (link: string): Protection => {
    if (links.mode === 'vlan-bridge') return { link, as: 'closed' };
    return links.bridge === undefined
      ? lowerProtection(link, links)
      : { link, as: 'uplink', isMacClosed: isOwnBridge };
  };
  return protectLinks([
    ...(bridge !== undefined && isOwnBridge ? [{ link: bridge.name, as: 'closed' } as const] : []),
    ...(vlanLink !== undefined && isMarked(vlanLink.alias) ? [ofVlanLink(vlanLink.name)] : []),
    ...(outerLink?.alias === OUTER_MARK ? [{ link: outerLink.name, as: 'outer' } as const] : []),
  ]);
}

/** Finds the VLAN link of (parent, vlan), whatever its name. The kernel allows only one. */
async function examineVlanLink(spec: NetworkLinkSpec): Promise<Link | undefined> {
  if (spec.vlan === undefined) return undefined;
  const found = await findVlanLink(spec);
  if (found === undefined) {
    const holder = await readLink(vlanLinkName(spec.parent, spec.vlan));
    checkVlanNameIsFree(spec, `VLAN ${vlanLabel(spec.vlan)}`, holder);
  } else {
    checkVlanLink(spec, found);
  }
  return found;
}

async function makeBridge(
  spec: NetworkLinkSpec & { readonly bridge: string },
  parent: Pick<Link, 'name' | 'mac' | 'mtu'>,
  uplink: string,
  undo: UndoList,
): Promise<string[]> {
  const mac = bridgeMac(spec.bridge, parent.name, parent.mac);
  const add = `link add name ${spec.bridge} address ${mac}`;
  const kind = 'bridge stp_state 0 forward_delay 0';
  const mark = bridgeMark(uplink);
  const bridge = { name: spec.bridge, add, mark, mtu: parent.mtu, set: 'arp off' };
  const make = (more: string) => makeLink({ ...bridge, kind: kind + more }, undo);
  if (spec.vlan !== undefined) return make('');
  // Without VLAN filtering, tagged frames of the trunk would reach containers, and containers could
  // send tagged frames.
  try {
    return await make(` vlan_filtering 1 vlan_default_pvid ${UNTAGGED_PVID}`);
  } catch (error) {
    if (failedLine(error) !== 1 || !isNotSupported(error)) throw error;
    const warning = `this kernel cannot filter VLANs in bridge ${spec.bridge}: containers see tagged frames of ${parent.name}, too`;
    return [warning, ...(await make(''))];
  }
}

async function attachUplink(uplink: string, bridge: string, undo: UndoList): Promise<void> {
  try {
    await ipBatch([`link set dev ${uplink} master ${bridge}`]);
  } catch (cause) {
    if (isTaken(cause)) throw carriesOthers(uplink, cause);
    throw new PluginError(
      'PARENT_LINK_UNUSABLE',
      `link ${uplink} cannot be a port of bridge ${bridge}: ${(cause as Error).message}`,
      { cause },
    );
  }
  undo.add(() => detachUplink(uplink));
}

function carriesOthers(uplink: string, cause: unknown): PluginError {
  return new PluginError(
    'LINK_CONFLICT',
    `${uplink} cannot be a port of a bridge while it carries macvlan or ipvlan links (perhaps of a network of Docker's own drivers); take the mode of those with -o mode=, or another VLAN`,
    { cause },
  );
}
