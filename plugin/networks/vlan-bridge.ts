/**
 * Finds out whether a network is on an operator's bridge that filters VLANs. Pure: it looks at the
 * links of the host as they were read.
 */
import type { HostLink } from '../host.ts';
import type { NetworkOptions } from '../options/options.ts';
import { linkNamed } from '../state/link-chain.ts';
import { STAYS_IN_HOST } from '../vocabulary/link-kinds.ts';
import { isInRanges } from '../vocabulary/vlan-tags.ts';

/**
 * Returns the options with `mode` `vlan-bridge` and the bridge as the parent, if the bridge that
 * was typed filters VLANs and has the parent as a port, or is the parent. Else returns them as they
 * are.
 */
export function onVlanBridge(options: NetworkOptions, links: readonly HostLink[]): NetworkOptions {
  const { bridge: bridgeName, parent: parentName, vlan } = options;
  if (bridgeName === undefined || vlan === undefined) return options;
  const bridge = linkNamed(links, bridgeName);
  if (bridge?.vlanFilter === undefined || bridge.mark !== undefined) return options;
  const parent = linkNamed(links, parentName);
  const isPort = parent?.master === bridge.index;
  if (!isPort && parent?.index !== bridge.index) return options;
  const uplink = isPort ? parent : onlyWayOut(links, bridge);
  return {
    ...options,
    parent: bridge.name,
    mode: 'vlan-bridge',
    bridge: undefined,
    uplink: uplink?.name,
  };
}

/**
 * True if `typed` is what the network was created with. dockerd repeats CreateNetwork when it
 * starts. The bridge may be missing then, or not filter yet.
 */
export function wasTypedAs(stored: NetworkOptions, typed: NetworkOptions): boolean {
  if (stored.mode !== 'vlan-bridge') return false;
  const { parent: bridge, uplink } = stored;
  const forms = [bridge, uplink].map((parent) => ({
    ...{ ...stored, mode: 'bridge', bridge, uplink: undefined },
    parent,
  }));
  return forms.some((form) => JSON.stringify(form) === JSON.stringify(typed));
}

/** The only port that leads out of the host. Undefined if there is none, or more than one. */
function onlyWayOut(links: readonly HostLink[], { index }: HostLink): HostLink | undefined {
  const [way, ...others] = links.filter(
    ({ master, kind }) => master === index && !STAYS_IN_HOST.includes(kind),
  );
  return others.length === 0 ? way : undefined;
}

/** The links that must be made members of the VLAN, before they are. */
export function membersToBe(
  { mode, parent, uplink, vlan }: NetworkOptions,
  links: readonly HostLink[],
): readonly string[] {
  if (mode !== 'vlan-bridge') return [];
  return [parent, ...(uplink === undefined ? [] : [uplink])].filter((name) => {
    const link = linkNamed(links, name);
    return link !== undefined && !isInRanges(link.vlans, vlan);
  });
}
