/**
 * What the kernel of the hub is to have (U5, U7). The service says it as a whole, and `kernel/`
 * makes the kernel equal to it.
 */
import type { WgKey } from '../uplink/wireguard-key.ts';

export interface HubMember {
  readonly name: string;
  /** The last part of its address, from 2 to 254. The hub's link to it is `vdu<number>`. */
  readonly number: number;
  readonly publicKey: WgKey;
  readonly address: string;
  readonly vni: number;
  /** Sorted and unique. Empty: it has no port, and may speak to the registrar alone. */
  readonly vlans: readonly number[];
  /** True if it may reach the tunnel addresses of other such members (U15). */
  readonly mesh: boolean;
  /** The largest packet that passes on the way to it, as it says. Undefined: TUNNEL_MTU. */
  readonly pathMtu?: number | undefined;
  /** The hub may reach its Docker (U11); with a port, others may by the hub. Undefined: no. */
  readonly manage?: { readonly port: number | undefined } | undefined;
}

/** Somebody who may speak to the registrar and to nothing else. */
export interface HubGuest {
  readonly publicKey: WgKey;
  readonly address: string;
}

export interface HubDesired {
  /** The WireGuard link: `vdhub`. */
  readonly device: string;
  readonly privateKey: WgKey;
  readonly listenPort: number;
  readonly address: string;
  readonly prefixLength: number;
  /** The link that is plugged into the trunk: `eth1`. */
  readonly trunk: string;
  /** Of the members' ports. */
  readonly mtu: number;
  readonly members: readonly HubMember[];
  readonly guests: readonly HubGuest[];
}

export interface HubPeer {
  readonly endpoint: string | undefined;
  /** Wall time. Undefined if there was none. */
  readonly handshakeAt: number | undefined;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** What this process has made the kernel equal to, part by part. Undefined: a look is needed. */
export interface HubMade {
  readonly tunnel?: HubDesired | undefined;
  readonly ports?: HubDesired | undefined;
}

export interface HubLinks {
  /**
   * The WireGuard link, its peers and the guards. Fast, because a registrar's answer waits.
   * @param made if it is given, only what differs from it is changed. The rest is not looked at.
   */
  ensureTunnel(desired: HubDesired, made?: HubDesired): Promise<void>;
  /**
   * That, and the ports of the members. Removes other ports of ours.
   * @param made as for `ensureTunnel`. @throws PluginError.
   */
  ensure(desired: HubDesired, made?: HubMade): Promise<void>;
  /** Removes all that `ensure` makes. */
  remove(device: string): Promise<void>;
  peers(device: string): Promise<ReadonlyMap<WgKey, HubPeer>>;
  /**
   * Has the firewall of the hub accept what passes the bridges of members, as Docker's does not.
   * @returns sentences for the log: what may stop frames, and what would mend it.
   */
  acceptMembers(desired: HubDesired): Promise<readonly string[]>;
  /** Makes the guards anew if somebody has changed or removed them. @throws PluginError. */
  guard(desired: HubDesired): Promise<void>;
  /**
   * Calls back when the firewall may have changed where it decides that, and when the tables of the
   * guards are removed.
   */
  watchFirewall(device: string, onChange: () => void): { close(): void };
}
