/** One container's IPv6 on a wire of the test's. */
import { clientFrame, decodeFrame, encodeFrame } from '../../../plugin/dhcp6/frame.ts';
import type { Dhcp6Message } from '../../../plugin/dhcp6/message.ts';
import { GuardedIpv6 } from '../../../plugin/leasing/ipv6/guarded-ipv6.ts';
import type { Ipv6Change, Ipv6Subject } from '../../../plugin/leasing/ipv6/ipv6-subject.ts';
import { SegmentRouters } from '../../../plugin/leasing/ipv6/segment-routers.ts';
import type { ConflictMode } from '../../../plugin/leasing/segment/conflict-watch.ts';
import { decodeNdpFrame, encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { duidOfMac, iaidOfMac } from '../../../plugin/vocabulary/ipv6/duid.ts';
import type { Ipv6, Subnet6 } from '../../../plugin/wire/address6.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { reply6 } from '../../support/frames/messages6.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';
import { advertisement, prefix, ROUTER_MAC } from '../ndp/ndp-messages.ts';

export const SLAAC = '2001:db8:500::ff:fe00:c1';
export const MANAGED = advertisement({ isManaged: true, options: [] });
export const PREFIX = advertisement({ options: [prefix('2001:db8:500::/64')] });

export class Wire {
  readonly clock = new FakeClock();
  readonly log = new MemoryLogger();
  readonly changes: Ipv6Change[] = [];
  readonly sent: Uint8Array[] = [];
  /** The questions that were sent again. */
  readonly repeated: string[] = [];
  readonly routers: SegmentRouters;
  readonly client: GuardedIpv6;
  #hear: (frame: Uint8Array) => void = () => undefined;

  constructor(
    mode: Ipv6Subject['mode'] = 'auto',
    acd: ConflictMode = 'off',
    subnet?: Subnet6,
    wished?: Ipv6,
  ) {
    const { clock, log } = this;
    this.routers = new SegmentRouters({ clock, log, openRouterSocket: () => ({ close() {} }) });
    this.client = new GuardedIpv6(
      {
        ...{ mode, routersOn: 'br500', wishedAddress: wished, subnet },
        ...{ duid: duidOfMac(CLIENT_MAC), iaid: iaidOfMac(CLIENT_MAC) },
      },
      {
        ...{ clock, log, random: seededRandom(3), routers: this.routers },
        ...{ mac: CLIENT_MAC, acd, rapidCommit: false, mayDecline: () => true },
        openSocket: (_place, _mac, handlers) => {
          this.#hear = (bytes) => handlers.onFrame(bytes, { checksumReady: true });
          const send = (bytes: Uint8Array) => void this.sent.push(bytes);
          return { listen() {}, send, sendFromLink: send, close() {} };
        },
        onChange: (change) => this.changes.push(change),
        onRepeated: (message) => this.repeated.push(message),
      },
    );
    this.client.open({ link: 'vdc1' });
  }

  hear(heard: Parameters<typeof encodeNdpFrame>[0]): void {
    this.#hear(encodeNdpFrame(heard));
  }

  hearBytes(bytes: Uint8Array): void {
    this.#hear(bytes);
  }

  /** The server answers what the client asked last. */
  answer(type: 'ADVERTISE' | 'REPLY', parts: Parameters<typeof reply6>[2] = {}): void {
    const xid = this.asked.at(-1)?.xid ?? -1;
    const message = reply6(type, xid, parts);
    const frame = clientFrame(CLIENT_MAC, message);
    this.#hear(encodeFrame({ ...frame, sourceMac: ROUTER_MAC, source: ip6('fe80::1') }));
  }

  /** DHCPv6 messages of the client. */
  get asked(): Dhcp6Message[] {
    return this.sent.flatMap((bytes) => {
      try {
        return [decodeFrame(bytes, { checksumReady: true, port: 547 }).message];
      } catch {
        return [];
      }
    });
  }

  /** Its packets of neighbour discovery, by type and target. */
  get neighbourly(): string[] {
    return this.sent.flatMap((bytes) => {
      try {
        const { message } = decodeNdpFrame(bytes, { checksumReady: true });
        return [`${message.type}${'target' in message ? ` ${message.target}` : ''}`];
      } catch {
        return [];
      }
    });
  }

  async isSettled(): Promise<boolean> {
    let done = false;
    void this.client.reached('settled').then(() => (done = true));
    await new Promise(setImmediate);
    return done;
  }
}
