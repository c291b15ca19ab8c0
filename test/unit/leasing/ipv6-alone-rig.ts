/** The lease service and one container without IPv4, on a wire of the test's. */
import { afterEach, beforeEach, expect } from 'vitest';
import { clientFrame, decodeFrame, encodeFrame } from '../../../plugin/dhcp6/frame.ts';
import type { ConflictMode } from '../../../plugin/leasing/segment/conflict-watch.ts';
import type { Ms } from '../../../plugin/vocabulary/time.ts';
import { LeaseService } from '../../../plugin/leasing/lease-service.ts';
import type { Ipv6Subject } from '../../../plugin/leasing/ipv6/ipv6-subject.ts';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { duidOfMac, iaidOfMac } from '../../../plugin/vocabulary/ipv6/duid.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { reply6, type Reply6Parts } from '../../support/frames/messages6.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';
import { frame, OTHER_MAC, ROUTER_MAC } from '../ndp/ndp-messages.ts';
import { SLAAC } from './ipv6-wire.ts';
import { KEY, subject } from './leasing-rig.ts';

const refuse = (): never => {
  throw new Error('no socket of IPv4 may be opened');
};

export let clock: FakeClock;
export let sent: Uint8Array[];
export let hear: (frame: Uint8Array) => void;
export let linkLost: () => void;
let problem: Error | undefined;
export let service: LeaseService;
let open: number;
export let changes: string[];
export let log: MemoryLogger;

/** Makes the service anew for each test of a file. */
export function eachOnItsWire(): void {
  beforeEach(() => {
    clock = new FakeClock();
    [sent, open, changes, problem] = [[], 0, [], undefined];
    service = new LeaseService({
      ...{ clock, random: seededRandom(5), log: (log = new MemoryLogger()) },
      ...{ openSocket: refuse, openArpSocket: refuse, onChange: refuse },
      openRouterSocket: () => ({ close() {} }),
      openIpv6Socket: (_place, _mac, handlers) => {
        if (problem !== undefined) throw problem;
        open += 1;
        hear = (bytes) => handlers.onFrame(bytes, { checksumReady: true });
        linkLost = () => handlers.onError(new Error('link is gone'));
        const send = (bytes: Uint8Array) => void sent.push(bytes);
        return { listen() {}, send, sendFromLink: send, close: () => void (open -= 1) };
      },
      onIpv6Change: (_key, { change, address }) => changes.push(`${change} ${address?.address}`),
      probeSandbox: () => ({ link: 'eth0' }),
      onEntered: () => undefined,
    });
  });
  afterEach(() => {
    service.close();
    expect({ open, pending: clock.pending, size: service.size }).toEqual({
      ...{ open: 0, pending: 0, size: 0 },
    });
  });
}

export const alone = (parts: Partial<Ipv6Subject> = {}, acd: ConflictMode = 'off') =>
  subject({
    ...{ isIpv6Only: true, acd },
    ipv6: {
      ...{ mode: 'auto', routersOn: 'br500', wishedAddress: undefined },
      ...{ duid: duidOfMac(CLIENT_MAC), iaid: iaidOfMac(CLIENT_MAC), ...parts },
    },
  });

type Asked = Partial<Parameters<LeaseService['acquireIpv6']>[2]> & {
  waitMs?: Ms;
  acd?: ConflictMode;
};

export function acquire(
  parts: Partial<Ipv6Subject> = {},
  { waitMs = 20_000, acd = 'off', ...more }: Asked = {},
) {
  const limits = { late: false, signal: new AbortController().signal, rest: 1_000, ...more };
  const by = clock.now() + waitMs;
  return service.acquireIpv6(alone(parts, acd), { link: 'vdc0' }, { ...limits, by });
}

/** What DHCPv6 servers were told. */
export const asked = () =>
  sent.flatMap((bytes) => {
    try {
      return [decodeFrame(bytes, { checksumReady: true, port: 547 }).message];
    } catch {
      return [];
    }
  });
export const types = () => asked().map(({ type }) => type);

/** The server answers the last message. */
export function answer(type: 'ADVERTISE' | 'REPLY', parts: Reply6Parts = {}): void {
  const message = asked().at(-1)!;
  const frame = clientFrame(CLIENT_MAC, reply6(type, message.xid, parts));
  hear(encodeFrame({ ...frame, sourceMac: ROUTER_MAC, source: ip6('fe80::1') }));
}

export const address = () => service.ipv6(KEY)?.terms.address?.address;

/** No socket can be opened from now on. */
export function breakLink(error: Error): void {
  problem = error;
}

export const CLAIM = encodeNdpFrame(
  frame(SLAAC, 'ff02::1', {
    type: 'neighbor-advertisement',
    ...{ isRouter: false, isSolicited: false, isOverride: true },
    ...{ target: ip6(SLAAC), options: [{ type: 'target-link-layer', mac: OTHER_MAC }] },
  }),
);
