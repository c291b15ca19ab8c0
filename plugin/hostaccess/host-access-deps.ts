/** What the host's own access needs of the rest of the plugin. */
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import type { LeaseReturns } from '../leases/lease-returns.ts';
import type { TakeLeaseDeps } from '../leases/take-lease.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { Logger } from '../logger.ts';
import type { Registry } from '../state/registry.ts';
import type { Lease } from '../vocabulary/lease.ts';

export interface HostAccessDeps {
  readonly registry: Registry;
  readonly host: Pick<
    Host,
    'ensureHostLink' | 'removeHostLink' | 'readHostSubnets' | 'linkExists' | 'linkMac'
  >;
  readonly leases: Pick<TakeLeaseDeps['leases'], 'acquire' | 'release' | 'forget'> & {
    resume(subject: LeaseSubject, lease: Lease | undefined, where: { stay: SocketPlace }): void;
    stay(key: string, place: SocketPlace): void;
    announce(key: string): void;
  };
  readonly returns: Pick<LeaseReturns, 'now'>;
  readonly clock: Clock;
  readonly log: Logger;
}
