/** The lease service with a wire in memory and a stepped clock. */
import { NO_IPV6_SOCKETS } from '../../support/frames/ipv6-sockets.ts';
import { LeaseService, type LeaseSubject } from '../../../plugin/leasing/lease-service.ts';
import type { LeaseChange } from '../../../plugin/leasing/client-runner.ts';
import type { SandboxProbe } from '../../../plugin/leasing/sockets/sandbox-socket.ts';
import type { Lease } from '../../../plugin/vocabulary/lease.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { LeasingServer } from '../../support/lan/leasing-server.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { MemoryWire, type SentMessage } from '../../support/lan/memory-packet-socket.ts';
import { CLIENT_ID, CLIENT_MAC } from '../../support/frames/messages.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

export const KEY = 'e'.repeat(64);
export const LINK = 'vdc0';
export const BRIDGE = 'br500';

/** How an endpoint on a bridge is followed. */
export const FROM_BRIDGE = {
  fallback: { link: BRIDGE, promiscuous: true },
  inside: { speaksVia: BRIDGE, defendsFrom: BRIDGE },
};

export class LeasingRig {
  readonly clock: FakeClock;
  readonly wire = new MemoryWire();
  readonly log = new MemoryLogger();
  readonly server = new LeasingServer();
  readonly changes: (LeaseChange & { key: string })[] = [];
  readonly entered: string[] = [];
  readonly probes: string[] = [];
  sandbox: ReturnType<SandboxProbe> = 'not-yet';
  readonly service: LeaseService;
  #isBroken = false;

  constructor({ earlyBy = 0 } = {}) {
    this.clock = new FakeClock({ earlyBy });
    this.wire.server = this.server.answer;
    this.service = new LeaseService({
      clock: this.clock,
      random: seededRandom(7),
      log: this.log,
      openSocket: this.wire.open,
      openArpSocket: this.wire.openArp,
      ...NO_IPV6_SOCKETS,
      probeSandbox: ({ netnsPath, hostEnd }) => {
        this.probes.push(`${netnsPath} ${hostEnd}`);
        return this.sandbox;
      },
      onChange: (key, change) => {
        if (this.#isBroken) throw new Error('boom');
        this.changes.push({ key, ...change });
      },
      onEntered: (key) => void this.entered.push(key),
    });
  }

  acquire(
    parts: Partial<LeaseSubject> = {},
    { waitMs = 20_000, signal = new AbortController().signal } = {},
  ): Promise<Lease> {
    const by = this.clock.now() + waitMs;
    return this.service.acquire(subject(parts), { link: LINK }, { by, signal });
  }

  follow(): void {
    const place = { netnsPath: '/netns/1', hostEnd: 'vdh0', containerEnd: LINK };
    this.service.follow(KEY, { ...place, ...FROM_BRIDGE });
  }

  /**
   * The client fails at its next renewal, with the renewed lease. It then waits to be started
   * again.
   */
  async failAtNextChange(): Promise<void> {
    const failures = () => this.log.messages('error').length;
    const before = failures();
    this.#isBroken = true;
    for (let tries = 0; tries < 10_000 && failures() === before; tries += 1) {
      await this.clock.pass(500);
    }
    this.#isBroken = false;
  }

  /** From now on, opening a socket in a sandbox finds no link. */
  loseSandbox(): void {
    this.wire.openProblem = ({ netnsPath }) =>
      netnsPath === undefined ? undefined : new Error('link is gone');
  }

  /** The place of the last socket. Undefined while a socket is open. */
  get restsAt() {
    return this.places.length === 0 ? this.wire.sockets.at(-1)?.place : undefined;
  }

  /** The places of the open sockets. */
  get places() {
    return this.wire.openSockets.map(({ place }) => place);
  }
}

export function subject(parts: Partial<LeaseSubject> = {}): LeaseSubject {
  return {
    key: KEY,
    mtu: 1500,
    segment: 'VLAN 500 of eth1',
    acd: 'off', // conflicts.test.ts tests the other modes
    allowedServers: [],
    rapidCommit: false,
    ...parts,
    identity: {
      mac: CLIENT_MAC,
      clientId: CLIENT_ID,
      hostName: 'web-1',
      requestedAddress: undefined,
      ...parts.identity,
    },
  };
}

/** Answers each message by its type. */
export function script(
  answers: Partial<Record<string, (sent: SentMessage) => ReturnType<MemoryWire['server']>>>,
): MemoryWire['server'] {
  return (sent) => answers[sent.type]?.(sent) ?? [];
}
