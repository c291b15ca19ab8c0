/** What a container wants of IPv6, and what its client tells. The rooms give it to the service. */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Mac } from '../../wire/address.ts';
import type { ConflictMode } from '../segment/conflict-watch.ts';
import type { OpenSocket } from '../sockets/frame-socket.ts';
import type { Guard } from '../guarded.ts';
import type { SegmentRouters } from './segment-routers.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Duid } from '../../vocabulary/ipv6/duid.ts';
import type { Address6, Ipv6Mode } from '../../vocabulary/ipv6/addressing.ts';
import type { Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Ipv6, Subnet6 } from '../../wire/address6.ts';
import type { LossCause } from '../../dhcp6/client/client.ts';

export interface Ipv6Subject {
  readonly mode: Ipv6Mode;
  /** The link of the host that hears the routers of the segment. */
  readonly routersOn: string;
  readonly duid: Duid;
  readonly iaid: number;
  /** Told to a DHCPv6 server, which is to register it (RFC 4704). If undefined: none. */
  readonly hostName?: string | undefined;
  /** The interface identifier of addresses of prefixes. If undefined: the one of the MAC. */
  readonly token?: Ipv6 | undefined;
  /** Any other address of a server is refused. If undefined: any will do. */
  readonly wishedAddress: Ipv6 | undefined;
  /**
   * Docker takes addresses of this subnet alone, and is told one before the start (`give`). If
   * undefined: any address will do.
   */
  readonly subnet?: Subnet6 | undefined;
}

/** What a container has of IPv6 now. */
export interface Ipv6Terms {
  readonly address: Address6 | undefined;
  /** The lease of a DHCPv6 server. */
  readonly lease: Lease6 | undefined;
  /** The address that Docker was told, if no server leased it. It stays beside a later lease. */
  readonly given?: Address6 | undefined;
  /** Addresses of prefixes that another host has. They are not tried again. */
  readonly contested?: readonly Ipv6[] | undefined;
}

export const NO_TERMS6: Ipv6Terms = { address: undefined, lease: undefined };

export interface Ipv6Change extends Ipv6Terms {
  readonly change: 'acquired' | 'renewed' | 'changed' | 'lost';
  readonly cause: LossCause | 'conflict' | 'no-router' | undefined;
  /** How long the DHCPv6 server took. Undefined if no answer of one brought the change. */
  readonly answerMs?: Ms | undefined;
  /** From the first question until there was an address. Only of `acquired`. */
  readonly tookMs?: Ms | undefined;
}

export interface Ipv6ClientDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly openSocket: OpenSocket;
  readonly routers: SegmentRouters;
  /** What the routers of the segment call back runs under it. */
  readonly guard: Guard;
  readonly mac: Mac;
  readonly acd: ConflictMode;
  readonly rapidCommit: boolean;
  /** Told of each message of a server that the client makes nothing of. */
  readonly onUnused?: ((reason: string) => void) | undefined;
  /** Told of each question for a lease that is sent again, because nobody has answered. */
  readonly onRepeated?: ((message: string) => void) | undefined;
  /** Called when `progress` may be another. */
  readonly onProgress: () => void;
  /** Told of each change after `start` or `resume`. */
  readonly onChange: (change: Ipv6Change) => void;
  /** False: too many DECLINEs were sent on this segment. */
  readonly mayDecline: () => boolean;
}
