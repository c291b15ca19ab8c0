/**
 * A day at a dual-stack site, in virtual time, with the product's own lease service: IPv4 of DHCP,
 * IPv6 of routers and of DHCPv6, as `-o ipv6=auto`, `slaac` and `dhcp`. Routers die with and
 * without a word, come back as another machine, renumber, and change the M flag. Containers restart
 * and go, the plugin is killed, servers are silent, full, and forget.
 *
 * After each change, and every 30 s, these rules are checked: no address is used by two; no address
 * is used past its lifetime; DUID and IAID stay what they are; no router is replayed for longer
 * than it has promised.
 */
import { decodeNdpFrame } from '../../plugin/ndp/frame.ts';
import type { Ipv6Terms } from '../../plugin/leasing/ipv6/ipv6-subject.ts';
import { LeaseService } from '../../plugin/leasing/lease-service.ts';
import type { LeaseSubject } from '../../plugin/leasing/lease-subject.ts';
import { PluginError } from '../../plugin/vocabulary/errors.ts';
import type { Lease } from '../../plugin/vocabulary/lease.ts';
import { duidOfMac, iaidOfMac } from '../../plugin/vocabulary/ipv6/duid.ts';
import type { Ipv6Mode } from '../../plugin/vocabulary/ipv6/addressing.ts';
import { joinAddress, type Ipv6 } from '../../plugin/wire/address6.ts';
import { MemoryLogger } from '../support/fakes/memory-logger.ts';
import { ip6, mac } from '../support/frames/messages.ts';
import type { VirtualSegment } from '../support/lan/virtual-segment.ts';

const LINK_OF_SEGMENT = 'br500';
const NOTHING: Ipv6Terms = { address: undefined, lease: undefined };
const PATIENCE = 1_000;
/** The longest probe takes 1 s, and the answer some ms. */
const PROBED_WITHIN = 1_500;

export interface Box {
  readonly subject: LeaseSubject;
  readonly mode: Ipv6Mode;
  isUp: boolean;
  /** What is stored of it, as the rooms do. */
  lease: Lease | undefined;
  ipv6: Ipv6Terms;
  /** The address that its kernel answers for. */
  has: Ipv6 | undefined;
  readonly changes: string[];
}

export class DualStackHost {
  readonly segment: VirtualSegment;
  readonly boxes: Box[] = [];
  readonly log = new MemoryLogger();
  /** How often an address was used by two while one of them probed for it. */
  shared = 0;
  readonly failedStarts: string[] = [];
  #service: LeaseService;
  #awaited = 0;
  #startedAt = 0;
  #broken: Error | undefined;

  constructor(segment: VirtualSegment, count: number) {
    this.segment = segment;
    this.#service = this.#makeService();
    for (let index = 0; index < count; index += 1) this.boxes.push(makeBox(index));
    this.#watch();
  }

  async runUntil(at: number): Promise<void> {
    await this.segment.clock.runUntil(at, () => this.#awaited > 0);
    if (this.#broken !== undefined) throw this.#broken;
  }

  start(box: Box): void {
    const { clock } = this.segment;
    box.isUp = true;
    this.#awaited += 1;
    const done = (lease: Lease | undefined) => {
      this.#awaited -= 1;
      if (!box.isUp || lease === undefined) return;
      box.lease = lease;
      // `endpoints/first-ipv6.ts` waits so long.
      clock.after(PATIENCE, () => this.#configure(box));
    };
    this.#service
      .acquire(
        box.subject,
        { link: `vdc${box.subject.key}` },
        {
          ...{ by: clock.now() + 25_000, signal: new AbortController().signal, late: true },
          ...{ patience: 3_000, previous: box.lease, previousIpv6: box.ipv6.lease },
        },
      )
      .then(done, (error: unknown) => {
        this.#awaited -= 1;
        if (!box.isUp) return;
        // The start fails, and a person tries again.
        const isKilled = error instanceof PluginError && error.code === 'CANCELLED';
        if (!isKilled) this.failedStarts.push(String(error));
        this.#down(box);
        box.ipv6 = NOTHING;
        clock.after(5_000, () => this.start(box));
      });
  }

  /** The container stops. Its leases are held for its next start. */
  stop(box: Box): void {
    this.#service.forget(box.subject.key);
    this.#down(box);
  }

  /** The container goes for good: its leases go back. */
  remove(box: Box): void {
    this.#service.release(box.subject, box.lease, LINK_OF_SEGMENT, box.ipv6.lease);
    this.#down(box);
    box.lease = undefined;
    box.ipv6 = NOTHING;
  }

  /** kill -9 of the plugin, and its next start: containers go on with what they have. */
  kill(): void {
    this.#service.close();
    this.#startedAt = this.segment.clock.now();
    this.#service = this.#makeService();
    for (const box of this.boxes) {
      if (!box.isUp) continue;
      const place = { link: `vdc${box.subject.key}` };
      this.#service.resume(box.subject, box.lease, { place }, box.ipv6);
      if (box.has !== undefined) this.#service.ipv6(box.subject.key)?.configured();
    }
  }

  without(what: (box: Box) => unknown): number {
    return this.boxes.filter((box) => box.isUp && what(box) === undefined).length;
  }

  #makeService(): LeaseService {
    const { segment, log } = this;
    const { clock, random, openSocket, openIpv6Socket, openRouterSocket } = segment;
    return new LeaseService({
      ...{ clock, random, log, openSocket, openIpv6Socket, openRouterSocket },
      openArpSocket: () => ({ close: () => undefined }),
      probeSandbox: () => 'not-yet',
      onEntered: () => undefined,
      onChange: (key, { change, lease, cause }) => {
        const box = this.boxes[Number(key)]!;
        box.lease = change === 'lost' ? undefined : lease;
        box.changes.push(['4', change, cause].filter(Boolean).join(' '));
      },
      onIpv6Change: (key, { change, cause, address, lease }) => {
        const box = this.boxes[Number(key)]!;
        box.ipv6 = { address, lease };
        box.changes.push(['6', change, cause].filter(Boolean).join(' '));
        if (box.has !== undefined || address === undefined) this.#configure(box);
        else if (box.lease !== undefined && box.isUp) this.#configure(box);
      },
    });
  }

  /** What `endpoints/ipv6-changes.ts` does in the sandbox. */
  #configure(box: Box): void {
    const client = this.#service.ipv6(box.subject.key);
    if (!box.isUp || client === undefined) return;
    box.ipv6 = client.terms;
    this.#use(box, box.ipv6.address?.address);
    client.configured();
    this.#checkReplay(client.replay());
    this.#check(box);
  }

  #use(box: Box, address: Ipv6 | undefined): void {
    const { owners } = this.segment;
    const { mac: own } = box.subject.identity;
    if (box.has !== undefined && owners.get(box.has) === own) owners.delete(box.has);
    box.has = address;
    if (address === undefined) return;
    const other = owners.get(address);
    if (other === undefined) {
      owners.set(address, own);
      return;
    }
    // What a server gives instead of a lease is used while it is probed.
    this.shared += 1;
    this.segment.clock.after(PROBED_WITHIN, () => {
      if (box.has !== address || owners.get(address) === own) return;
      if (owners.has(address)) this.#break(box, `${address} is used by ${other} as well`);
      owners.set(address, own);
    });
  }

  #down(box: Box): void {
    this.#use(box, undefined);
    box.isUp = false;
  }

  #watch(): void {
    this.segment.clock.after(30_000.5, () => {
      for (const box of this.boxes) if (box.isUp) this.#check(box);
      this.#watch();
    });
  }

  #check(box: Box): void {
    const now = this.segment.clock.now();
    const { address, lease } = box.ipv6;
    if (box.lease !== undefined && box.lease.expiresAt < now) this.#break(box, 'IPv4 is over');
    const over = lease?.addresses.find(({ validUntil }) => validUntil < now);
    if (over !== undefined) this.#break(box, `the lease of ${over.address} is over`);
    // A plugin that has started again knows no lifetimes until a router speaks.
    if (address?.source !== 'slaac' || this.segment.heardAt < this.#startedAt) return;
    const prefix = joinAddress(address.address, 64, ip6('::'));
    const until = this.segment.prefixUntil.get(prefix) ?? -Infinity;
    if (until < now) this.#break(box, `the prefix of ${address.address} is over since ${until}`);
    if (box.mode === 'dhcp') this.#break(box, 'has an address of a prefix');
  }

  /** A router must not live longer in a container than outside. */
  #checkReplay(frames: readonly Uint8Array[]): void {
    const now = this.segment.clock.now();
    for (const bytes of frames) {
      const { message } = decodeNdpFrame(bytes, { checksumReady: true });
      for (const option of message.options) {
        if (option.type !== 'prefix' || option.validLifetime === 0) continue;
        const until = this.segment.prefixUntil.get(option.subnet.network) ?? -Infinity;
        if (now + 1_000 * option.validLifetime <= until) continue;
        this.#broken ??= new Error(`at ${now} a prefix is replayed for longer than it was told`);
      }
    }
  }

  #break({ subject }: Box, what: string): void {
    this.#broken ??= new Error(`at ${this.segment.clock.now()} ${subject.identity.mac}: ${what}`);
  }
}

function makeBox(index: number): Box {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  const own = mac(`02:00:00:01:${hex(index >> 8)}:${hex(index & 255)}`);
  const mode = (['auto', 'slaac', 'dhcp'] as const)[index % 3]!;
  return {
    ...{ mode, isUp: false, lease: undefined, ipv6: NOTHING, has: undefined, changes: [] },
    subject: {
      ...{ key: String(index), mtu: 1500, segment: 'VLAN 500 of eth1' },
      ...{ acd: index % 2 === 0 ? 'fast' : 'full', allowedServers: [], rapidCommit: false },
      identity: {
        ...{ mac: own, clientId: Uint8Array.of(0, index >> 8, index & 255) },
        ...{ hostName: undefined, requestedAddress: undefined },
      },
      ipv6: {
        ...{ mode, routersOn: LINK_OF_SEGMENT, wishedAddress: undefined },
        ...{ duid: duidOfMac(own), iaid: iaidOfMac(own) },
      },
    },
  };
}
