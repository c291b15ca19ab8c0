/** What is read of the host and of Docker, before anything is judged. */
import type { LeaseEntry, NetworkEntry } from '../admin-client.ts';

export interface LinkFact {
  readonly name: string;
  readonly altNames: readonly string[];
  readonly mac: string | undefined;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  readonly mtu: number;
  /** `vlan`, `bridge`, `veth`; undefined for a card. */
  readonly kind: string | undefined;
  /** The mark of ours, or what somebody else wrote. */
  readonly alias: string | undefined;
  readonly master: string | undefined;
  /** The link below. */
  readonly lower: string | undefined;
  readonly vlan: number | undefined;
  readonly hasStp: boolean;
}

/** A network of ours as Docker has it. */
export interface NetworkFact {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly parent: string | undefined;
  readonly vlan: string | undefined;
  readonly bridge: string | undefined;
  readonly families: readonly FilterFact['family'][];
  /** A node of a Swarm knows networks that none of its containers has. */
  readonly isOfSwarm: boolean;
  /** Of running containers, by the id of their endpoint. */
  readonly containers: ReadonlyMap<string, string>;
}

export interface SocketFact {
  readonly path: string;
  /** `missing`: no such file. `forbidden`: this user may not ask. `deaf`: nobody listens. */
  readonly state: 'open' | 'missing' | 'forbidden' | 'deaf' | 'silent';
  /** File mode and owner. Undefined if it cannot be read. */
  readonly mode: number | undefined;
  readonly owner: number | undefined;
  /** What the plugin said instead of an answer. */
  readonly words: string | undefined;
}

export interface EngineFacts {
  /** Undefined if dockerd does not answer. */
  readonly version: string | undefined;
  /** `iptables`, `nftables`, `firewalld`. Undefined before Engine 28. */
  readonly firewall: string | undefined;
  readonly isLiveRestore: boolean;
  /** Managed plugins by their name, and whether they are enabled. */
  readonly plugins: readonly { readonly name: string; readonly isEnabled: boolean }[];
}

/** A program with rules that bridged frames pass (br_netfilter). */
export interface FilterFact {
  readonly family: 'IPv4' | 'IPv6';
  /** `iptables`, or `iptables-legacy` beside it. */
  readonly program: string;
  /** What it prints with `-S`. Undefined if it is missing or fails. */
  readonly rules: readonly string[] | undefined;
}

/** Who besides the kernel configures a link. */
export interface ManagerFact {
  readonly link: string;
  readonly manager: 'NetworkManager' | 'systemd-networkd';
}

/** A file of an operator by which udev names links. */
export interface UdevFile {
  readonly path: string;
  readonly text: string;
}

export interface HostFacts {
  /** Kernel modules that are missing, and can neither be loaded. */
  readonly missingModules: readonly string[];
  readonly kernel: string;
  /** Undefined without the program `ip`. */
  readonly links: readonly LinkFact[] | undefined;
  /** None without br_netfilter. */
  readonly filters: readonly FilterFact[];
  readonly managed: readonly ManagerFact[];
  readonly udevFiles: readonly UdevFile[];
  /** The mount that has Docker's run-time folder, as dockerd sees it. Undefined if not known. */
  readonly runMount: { readonly point: string; readonly isShared: boolean } | undefined;
}

export interface Facts {
  readonly host: HostFacts;
  readonly engine: EngineFacts;
  readonly socket: SocketFact;
  /** The name of the managed plugin. Undefined for the service. */
  readonly plugin: string | undefined;
  /** As Docker has them. */
  readonly networks: readonly NetworkFact[];
  /** As the plugin has them. Undefined if it does not answer. */
  readonly own:
    | { readonly networks: readonly NetworkEntry[]; readonly leases: readonly LeaseEntry[] }
    | undefined;
}
