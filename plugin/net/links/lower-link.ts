/**
 * The link of a network without a bridge: the VLAN link, or the parent itself. The macvlan or
 * ipvlan links of containers lie on it. The host may go on using a parent with its own addresses.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import { UndoList } from '../../undo.ts';
import { completeSenders, forgetSenders, guardOfSenders } from '../guard/senders.ts';
import { protectLinks, type Protection } from '../guard/protection.ts';
import { failedLine, ipBatch, isNotSupported, isTaken } from '../ip.ts';
import { warningsAbout, type NetworkLinkSpec } from './link-checks.ts';
import type { Link } from './link-info.ts';
import { PROBE_LINK } from './link-names.ts';
import { makeVlanLink } from './vlan-link.ts';

export interface NetworkLinks {
  /** Undefined for an untagged network. */
  readonly vlanLink: string | undefined;
  /** The link of the first of two tags. Undefined unless there are two. */
  readonly outerLink?: string | undefined;
  readonly bridge: string | undefined;
  /** The MTU of container links. */
  readonly mtu: number;
  /**
   * What this call made. `uplinkPort`: it made the VLAN link or the parent a port of the bridge.
   */
  readonly created: {
    readonly vlanLink: boolean;
    readonly bridge: boolean;
    readonly uplinkPort: boolean;
  };
  /** The links that this call made members of the VLAN. If undefined: none. */
  readonly vlanMembers?: readonly string[];
  /** Links in use that existed before and lack our mark. */
  readonly theirs: readonly ('bridge' | 'vlan-link' | 'outer-link')[];
  /** Sentences for the log about what works, but should be known. */
  readonly warnings: readonly string[];
}

/** What was found of a segment, before links are made. */
export interface SegmentGround {
  readonly parent: Link;
  /** Undefined if the VLAN link is still to be made. */
  readonly uplink: Link | undefined;
  /** The name of the uplink, also of one that is still to be made. */
  readonly name: string;
  /** Whose the VLAN link is. Undefined for an untagged network. */
  readonly owner: 'ours' | 'theirs' | undefined;
  readonly mtu: number;
}

/** @throws PluginError LINK_CONFLICT, VLAN_UNSUPPORTED, UNSUPPORTED, IP_COMMAND_FAILED. */
export async function makeLowerLink(
  spec: NetworkLinkSpec,
  { parent, uplink, name, owner, mtu }: SegmentGround,
): Promise<NetworkLinks> {
  const warnings = warningsAbout(parent, undefined);
  const undo = new UndoList();
  try {
    if (uplink === undefined) warnings.push(...(await makeVlanLink(spec, parent, name, undo)));
    await requireCarries(name, spec.mode ?? 'macvlan');
    if (owner === 'ours') {
      // No container's link outlives an earlier one of that name.
      if (uplink === undefined) forgetSenders(name);
      const isComplete = uplink === undefined || guardOfSenders(name) !== undefined;
      if (isComplete && spec.mode === 'macvlan') completeSenders(name, spec.guard ?? 'mac', []);
      warnings.push(...(await protectLinks([lowerProtection(name, spec)])));
      await ipBatch([`link set dev ${name} up`]);
    }
    return {
      vlanLink: owner && name,
      bridge: undefined,
      mtu,
      created: { vlanLink: uplink === undefined, bridge: false, uplinkPort: false },
      theirs: owner === 'theirs' ? ['vlan-link'] : [],
      warnings,
    };
  } catch (error) {
    throw await undo.run(error);
  }
}

/** What may leave and enter by a VLAN link of ours below macvlan or ipvlan links. */
export function lowerProtection(
  link: string,
  { mode, guard }: Pick<NetworkLinkSpec, 'mode' | 'guard'>,
): Protection {
  return { link, as: 'lower', guard: guard ?? 'mac', hasOneMac: mode === 'ipvlan' };
}

/**
 * Makes a link of that kind for a moment. Links that are in containers are not seen from here, but
 * the kernel refuses a second kind.
 */
async function requireCarries(lower: string, mode: string): Promise<void> {
  const words = mode === 'ipvlan' ? 'ipvlan mode l2' : 'macvlan mode bridge';
  try {
    await ipBatch([
      `link add link ${lower} name ${PROBE_LINK} type ${words}`,
      `link del dev ${PROBE_LINK}`,
    ]);
  } catch (error) {
    if (failedLine(error) !== 1) throw error;
    if (isNotSupported(error)) {
      throw new PluginError(
        'UNSUPPORTED',
        `this kernel cannot make ${mode} links; load them with: modprobe ${mode}`,
        { cause: error },
      );
    }
    if (!isTaken(error)) throw error;
    throw new PluginError(
      'LINK_CONFLICT',
      `${lower} already carries links of another kind than ${mode} (perhaps of a network of Docker's own drivers), and one link carries one kind; take the mode of those, or another VLAN`,
      { cause: error },
    );
  }
}
