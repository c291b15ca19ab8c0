/** Checks what the parent of a network looks like, and what it is a port of. Pure. */
import { vlanLabel } from '../../../vocabulary/vlan-tags.ts';
import { isCarried, parseUplinkAlias } from '../../../vocabulary/uplink-alias.ts';
import { conflict, describe, flagOf, unusable, type SegmentSpec } from '../link-checks.ts';
import type { Link } from '../link-info.ts';
import { bridgeMark } from '../link-names.ts';

/**
 * @param master the link that the parent is a port of.
 * @throws PluginError PARENT_LINK_UNUSABLE, LINK_CONFLICT
 */
export function checkParent(spec: SegmentSpec, parent: Link, master: Link | undefined): void {
  const subject = `parent link ${parent.name}`;
  const flag = flagOf(spec);
  if (parent.isLoopback) {
    throw unusable(
      parent,
      `${subject} is the loopback link; set ${flag} parent= to a network card`,
    );
  }
  if (parent.mac === undefined) {
    throw unusable(
      parent,
      `${subject} is ${describe(parent)} that carries no Ethernet frames, so it has neither VLANs nor DHCP; set ${flag} parent= to a network card, bond, team, bridge or tap`,
    );
  }
  if (!parent.isUp) {
    throw unusable(parent, `${subject} is down; bring it up with: ip link set ${parent.name} up`);
  }
  checkCarried(spec, parent);
  const isUpper = spec.mode === 'macvlan' || spec.mode === 'ipvlan';
  if (isUpper && parent.kind === 'bridge') {
    throw unusable(
      parent,
      `${subject} is a bridge, and mode=${spec.mode} would put containers beside it instead of on it; type -o mode=bridge -o bridge=${parent.name} with its network card as -o parent=`,
    );
  }
  if (isUpper && parent.master !== undefined && master?.kind === 'bridge') {
    throw unusable(
      parent,
      `${subject} is a port of bridge ${master.name}, which takes its frames before a ${spec.mode} link can; type -o mode=bridge -o bridge=${master.name}`,
    );
  }
  if (spec.bridge !== undefined && spec.vlan === undefined && parent.kind === 'bridge') {
    throw unusable(
      parent,
      `${subject} is a bridge, which cannot be a port of bridge ${spec.bridge}; set -o parent= to its network card and -o bridge=${parent.name}`,
    );
  }
  if (parent.master === undefined) return;
  if (spec.vlan === undefined) {
    if (parent.master === spec.bridge) return;
    if (spec.bridge !== undefined && master?.kind === 'bridge') {
      throw unusable(
        parent,
        `${subject} is already a port of bridge ${master.name}; to use that bridge set -o bridge=${master.name}`,
      );
    }
  } else if (parent.master === spec.bridge) {
    throw conflict(
      parent,
      `bridge ${spec.bridge} carries the untagged traffic of ${parent.name} and would join it with VLAN ${vlanLabel(spec.vlan)}; choose another name with -o bridge=, or let a bridge of your own tell VLANs apart: ip link set ${spec.bridge} type bridge vlan_filtering 1`,
    );
  } else if (master?.kind === 'bridge' && master.alias === bridgeMark(parent.name)) {
    return; // our own untagged network; the kernel serves VLAN links before bridges
  }
  const kind = master?.kind ?? 'link';
  throw unusable(
    parent,
    `${subject} is a port of ${kind} ${parent.master}; use that instead: ${flag} parent=${parent.master}`,
  );
}

/** The trunk of an uplink says what it carries. No DHCP server could hear another VLAN (U10). */
function checkCarried(spec: SegmentSpec, parent: Link): void {
  const uplink = parseUplinkAlias(parent.alias);
  if (uplink === undefined || isCarried(uplink, spec.vlan)) return;
  const { site, vlans = 'of its list' } = uplink;
  const wanted = spec.vlan === undefined ? 'untagged frames' : `VLAN ${vlanLabel(spec.vlan)}`;
  throw unusable(
    parent,
    `the uplink ${parent.name} to ${site} carries VLANs ${vlans}, and not ${wanted}; set ${flagOf(spec)} vlan= to one of them, or type at the hub: vlandhcp hub vlans`,
  );
}
