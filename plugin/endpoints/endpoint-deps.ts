/** What the endpoints need of the rooms before them. */
import type { HeldLeases } from '../leases/held-leases.ts';
import type { MacClaims } from '../leases/mac-claims.ts';
import type { LeaseReturns } from '../leases/lease-returns.ts';
import type { Ipv6Terms } from '../leasing/ipv6/ipv6-subject.ts';
import type { FollowTarget, LeaseSubject } from '../leasing/lease-service.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { Networks } from '../networks/networks.ts';
import type { EndpointRecord } from '../state/lease-records.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { EndpointSetupDeps } from './endpoint-setup.ts';

/** What the endpoints need of `leasing/lease-service.ts` besides acquiring and releasing. */
interface LeaseKeeper {
  resume(
    subject: LeaseSubject,
    lease: Lease | undefined,
    where?: { place?: SocketPlace; follow?: FollowTarget },
    ipv6?: Ipv6Terms,
  ): void;
  place(key: string, place: SocketPlace): void;
  follow(key: string, target: FollowTarget): void;
  unfollow(key: string): void;
  hasLostSandbox(key: string, isFirstLook: boolean): boolean;
  announce(key: string, isBack?: boolean): void;
  rename(key: string, name: string): void;
}

export interface EndpointDeps extends EndpointSetupDeps {
  readonly networks: Networks;
  readonly leases: EndpointSetupDeps['leases'] & LeaseKeeper;
  readonly held: EndpointSetupDeps['held'] & Pick<HeldLeases, 'hold'>;
  readonly returns: LeaseReturns;
  readonly macClaims: MacClaims;
  readonly joinTimeoutMs: Ms;
  /** Restarts the container of the endpoint, if Docker's API can be asked. */
  readonly restart: (record: Pick<EndpointRecord, 'id' | 'networkId'>) => void;
  /** Returns the path for this process of a sandbox that dockerd names. */
  readonly sandboxPath: (sandboxKey: string) => string;
}
