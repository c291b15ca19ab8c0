/**
 * What the kernel of a member is to have (U5). The services say it as a whole, and `kernel/` makes
 * the kernel equal to it. `hub/desired.ts` has the hub's side.
 */
import type { WgKey } from './wireguard-key.ts';

/** TCP: the registrar. UDP: the hub sends back what it gets; that is the word of a member. */
export const REGISTRAR_PORT = 51_821;
/** Docker's overlay networks have 4789 (U12). */
export const VXLAN_PORT = 4_790;
/** The MTU of the tunnel's link: what fits an underlay of 1500 is IPv6 40, UDP 8, WireGuard 32. */
export const TUNNEL_MTU = 1420;
/** The smallest packet that a way must carry. With less nothing can be said of the way. */
export const SMALLEST_PATH = 508;
/** Every tunnel network is a /24 (U12). */
export const TUNNEL_PREFIX = 24;

export interface MemberDesired {
  /** `uplink0`. Its WireGuard link is `wg-uplink0`. */
  readonly device: string;
  readonly privateKey: WgKey;
  /** Its own address in the tunnel. */
  readonly address: string;
  readonly prefixLength: number;
  readonly hub: {
    readonly publicKey: WgKey;
    readonly address: string;
    /** `203.0.113.10:51820` or `[2001:db8::1]:51820`. Undefined: its name is not known yet. */
    readonly endpoint: string | undefined;
  };
  /**
   * The largest packet that passes the tunnel, as far as it is known. Longer ones are cut before
   * they are encrypted. Undefined: what the kernel has stays.
   */
  readonly pathMtu?: number | undefined;
  /** True if other members of the mesh, and the hub, may reach this host's address there (U15). */
  readonly mesh?: boolean;
  /** The hub may reach Docker of this host (U11). */
  readonly isManaged?: boolean;
  /** Undefined while it joins or is on hold: there is only WireGuard then, and no `uplink0`. */
  readonly trunk: Trunk | undefined;
}

export interface Trunk {
  readonly site: string;
  readonly vni: number;
  /** Sorted and unique. */
  readonly vlans: readonly number[];
  /** Of `uplink0`: that of the trunk (U8). */
  readonly mtu: number;
  /** False: `protodown on`, because the hub is silent (U9). */
  readonly carrier: boolean;
}

export interface MemberLinks {
  /** Makes the kernel equal to it. Changes nothing that is equal already. @throws PluginError. */
  ensure(desired: MemberDesired): Promise<void>;
  /** Removes the hub as a peer and adds it again, so that a handshake starts at once. */
  revive(desired: MemberDesired): Promise<void>;
  setCarrier(device: string, up: boolean): Promise<void>;
  /** Removes both links, and what of ours lies on them. A link that is gone is no error. */
  remove(device: string): Promise<void>;
  /**
   * Calls back when one of both links or the guards are removed, also if we do it.
   * @throws SystemCallError
   */
  watchGone(device: string, onGone: () => void): { close(): void };
  /** Undefined if there is no such link. */
  status(device: string): Promise<TunnelStatus | undefined>;
}

export interface TunnelStatus {
  /** Wall time. Undefined if there was none. */
  readonly handshakeAt: number | undefined;
  readonly endpoint: string | undefined;
  /** The UDP port of WireGuard on this host. */
  readonly listenPort: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly kind: 'kernel' | 'wireguard-go';
}
