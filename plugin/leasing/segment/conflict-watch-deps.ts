/** What the watch over an address needs, and how it answers other hosts. */
import type { SoughtArp } from '../../acd/probe-state.ts';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Ipv4, Mac } from '../../wire/address.ts';
import type { SocketPlace } from '../sockets/frame-socket.ts';

/**
 * `optimistic`: the lease counts at once, while it is probed. Once a container has it, one frame
 * alone is no conflict. `fast`, `full`: the lease counts after the probes. `off`: only
 * announcements.
 */
export type ConflictMode = 'optimistic' | 'fast' | 'full' | 'off';

/**
 * The reaction if another host uses the address of a running container: RFC 5227 §2.4 (c), or (b).
 */
export type ConflictAnswer = 'defend' | 'leave';

/**
 * Opens an AF_PACKET socket. It hears ARP of other MACs that use the address, or with `probes`
 * probe for it. Without an address it hears all ARP of other MACs.
 */
export type OpenArpSocket = (
  place: SocketPlace,
  own: { readonly mac: Mac } & Partial<SoughtArp>,
  handlers: { onFrame(frame: Uint8Array): void; onError(error: Error): void },
) => { close(): void };

export interface ConflictWatchDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly openArpSocket: OpenArpSocket;
  readonly mac: Mac;
  readonly mode: ConflictMode;
  readonly onClaim: ConflictAnswer;
  /** False if nobody could act on a later conflict. Then nothing is heard after the probes. */
  readonly defends: boolean;
  readonly log: Logger;
  /** A lost frame does no harm, because probes and announcements are repeated. */
  readonly send: (frame: Uint8Array) => void;
  /** Nobody is known to have the address. It may be used. */
  readonly onFree: (address: Ipv4) => void;
  /** The address must not be used, or no longer. */
  readonly onConflict: (address: Ipv4, by: Mac) => void;
  /** Conflicts cannot be heard. */
  readonly onDeaf: (error: unknown) => void;
  /** Called when the link of the socket is gone. Others may not know it yet. */
  readonly onLost: () => void;
}
