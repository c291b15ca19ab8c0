/**
 * Judges whether the MACs of containers pass the card and what it is plugged into (pure). A virtual
 * switch, a cloud or a switch with a limit of MACs may drop them. There is a complaint only with
 * evidence: the same neighbour answers the MAC of the card, and not that of a container.
 */
import { ok, warn, type Finding } from './finding.ts';

export interface MacFacts {
  readonly segment: string;
  readonly parent: string;
  /** The driver of the card. Undefined if there is no card, or it is not known. */
  readonly driver: string | undefined;
  /** A router or server of the segment. */
  readonly neighbour: string;
  /** True if it answers the MAC of the card. */
  readonly isThere: boolean;
  readonly containers: readonly { readonly mac: string; readonly isAnswered: boolean }[];
}

export function judgeMacs(facts: readonly MacFacts[]): Finding[] {
  // Nothing is known of a segment without a neighbour, or without a container.
  const known = facts.filter(({ isThere, containers }) => isThere && containers.length > 0);
  return known.map(({ segment, parent, driver, neighbour, containers }) => {
    const dropped = containers.filter(({ isAnswered }) => !isAnswered).map(({ mac }) => mac);
    if (dropped.length === 0) {
      const text = `${segment}: ${neighbour} answers the MAC of ${parent}, and those of containers`;
      return ok('macs', segment, text);
    }
    const isLimit = dropped.length < containers.length;
    const what = isLimit ? 'some MACs do not pass, as with a limit of MACs' : 'other MACs do not pass'; // prettier-ignore
    const text = `${segment}: ${neighbour} answers the MAC of ${parent}, and not ${dropped.join(', ')} of a container: ${what}`;
    return warn('macs', segment, text, isLimit ? RAISE_LIMIT : mendOf(parent, driver));
  });
}

const RAISE_LIMIT = 'raise the limit of MACs of the switch port (port security), or make the network with -o mode=ipvlan'; // prettier-ignore
const WITHOUT = 'or make the network with -o mode=ipvlan';

function mendOf(parent: string, driver: string | undefined): string {
  const card = `${parent} is a card of driver ${String(driver)}`;
  switch (driver ?? '') {
    case 'vmxnet3':
      return `${card} (VMware): accept promiscuous mode, MAC address changes and forged transmits on its port group, ${WITHOUT}`;
    case 'hv_netvsc':
      return `${card} (Hyper-V): Set-VMNetworkAdapter -VMName VM -MacAddressSpoofing On; in Azure make the network with -o mode=ipvlan`;
    case 'virtio_net':
      return `${card} (KVM): take the MAC filter off this card (libvirt: filterref; Proxmox: MAC filter of the firewall; OpenStack: port security), ${WITHOUT}`;
    case 'xen_netfront':
    case 'vif':
      return `${card} (Xen): unlock the MAC of this card, ${WITHOUT}`;
    case 'ena':
    case 'gve':
    case 'mana':
      return `${card}: this cloud passes no MAC but that of the card; make the network with -o mode=ipvlan`;
    case 'iavf':
    case 'ixgbevf':
    case 'igbvf':
      return `${card} (SR-IOV): on the hypervisor: ip link set PF vf NUMBER spoofchk off trust on, ${WITHOUT}`;
    default:
      return `${RAISE_LIMIT}; in a virtual machine let the virtual switch pass other MACs`;
  }
}
