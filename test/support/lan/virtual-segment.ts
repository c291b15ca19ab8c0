/**
 * One segment with both families, in virtual time: DHCP servers, routers, a host with a fixed
 * address, and the packet sockets of the product. Frames of DHCP and of routers are lost, late and
 * out of order as the seed says. Probes for duplicates are not lost: one lost answer hides a
 * conflict, and RFC 4862 §5.4 allows that.
 */
import { decodeFrame as decode4, encodeFrame as encode4 } from '../../../plugin/dhcp4/frame.ts';
import { decodeFrame as decode6, encodeFrame as encode6 } from '../../../plugin/dhcp6/frame.ts';
import { optionOf } from '../../../plugin/dhcp6/options.ts';
import type { OpenRouterSocket } from '../../../plugin/leasing/ipv6/segment-routers.ts';
import type { OpenSocket } from '../../../plugin/leasing/sockets/frame-socket.ts';
import { decodeNdpFrame, encodeNdpFrame, type NdpFrame } from '../../../plugin/ndp/frame.ts';
import { neighborAnswer } from '../../../plugin/ndp/packets.ts';
import type { Instant } from '../../../plugin/vocabulary/time.ts';
import { duidOfMac, iaidOfMac } from '../../../plugin/vocabulary/ipv6/duid.ts';
import { IPV4_BROADCAST, MAC_BROADCAST, type Mac } from '../../../plugin/wire/address.ts';
import { linkLocalOf, type Ipv6 } from '../../../plugin/wire/address6.ts';
import { PROTOCOL_UDP } from '../../../plugin/wire/ipv4.ts';
import { NEXT_HEADER_ICMPV6 } from '../../../plugin/wire/ipv6.ts';
import type { ModelRouter } from './model-router.ts';
import type { ModelServer6 } from './model-server6.ts';
import type { ScriptedServer } from './scripted-server.ts';
import { seededRandom } from '../time/seeded-random.ts';
import { VirtualClock } from '../time/virtual-clock.ts';

const NEXT_HEADER_AT = 20;

interface Listener {
  readonly mac: Mac;
  isListening: boolean;
  readonly hear: (frame: Uint8Array) => void;
}

export class VirtualSegment {
  readonly clock = new VirtualClock();
  readonly random: () => number;
  readonly servers4: ScriptedServer[] = [];
  readonly servers6: ModelServer6[] = [];
  readonly routers: ModelRouter[] = [];
  /** Who answers for an IPv6 address: the kernels of containers, and other hosts. */
  readonly owners = new Map<Ipv6, Mac>();
  /** Until when each prefix is valid, by what the product has heard. */
  readonly prefixUntil = new Map<Ipv6, Instant>();
  /** When the product has heard a router last. */
  heardAt: Instant = -Infinity;
  /** Messages of all DHCPv6 clients, by type. */
  readonly sent6 = new Map<string, number>();
  readonly #loss: number;
  readonly #ears4 = new Set<Listener>();
  readonly #ears6 = new Set<Listener>();
  readonly #routerEars = new Set<(frame: Uint8Array) => void>();

  constructor(seed: number, loss: number) {
    this.random = seededRandom(seed);
    this.#loss = loss;
  }

  readonly openSocket: OpenSocket = (_place, mac, handlers) =>
    open(this.#ears4, mac, handlers, (frame) => this.#serve4(frame, mac));

  readonly openIpv6Socket: OpenSocket = (_place, mac, handlers) =>
    open(this.#ears6, mac, handlers, (frame) => {
      if (frame[NEXT_HEADER_AT] === PROTOCOL_UDP) this.#serve6(frame, mac);
      else if (frame[NEXT_HEADER_AT] === NEXT_HEADER_ICMPV6) this.#neighbour(frame, mac);
    });

  readonly openRouterSocket: OpenRouterSocket = (_link, handlers) => {
    const hear = (frame: Uint8Array) => handlers.onFrame(frame, { checksumReady: true });
    this.#routerEars.add(hear);
    return { close: () => void this.#routerEars.delete(hear) };
  };

  /** An RA, to all or to one host. */
  advertise(frame: NdpFrame, to?: Mac): void {
    const bytes = encodeNdpFrame(frame);
    if (to === undefined) {
      this.#carry(() => {
        this.#noteHeard(frame);
        for (const hear of [...this.#routerEars]) hear(bytes);
      });
      return;
    }
    this.#carry(() => {
      const ears = [...this.#ears6].filter(({ mac, isListening }) => mac === to && isListening);
      if (ears.length > 0) this.#noteHeard(frame);
      for (const { hear } of ears) hear(bytes);
    });
  }

  #noteHeard({ message }: NdpFrame): void {
    this.heardAt = this.clock.now();
    for (const option of message.options) {
      if (option.type !== 'prefix') continue;
      this.prefixUntil.set(option.subnet.network, this.clock.now() + 1_000 * option.validLifetime);
    }
  }

  #serve4(frame: Uint8Array, mac: Mac): void {
    const request = decode4(frame, { checksumReady: true, port: 67 });
    for (const server of this.servers4) {
      const { serverId, mac: serverMac } = server.settings;
      const isMeant = [MAC_BROADCAST, serverMac].includes(request.destinationMac);
      if (!isMeant) continue;
      this.#carry(() => {
        const message = server.receive(request.message, this.clock.now());
        if (message === undefined) return;
        const reply = encode4({
          ...{ sourceMac: serverMac, destinationMac: mac, message },
          ...{ sourceAddress: serverId, destinationAddress: IPV4_BROADCAST },
        });
        this.#carry(() => tell(this.#ears4, reply, mac));
      });
    }
  }

  #serve6(frame: Uint8Array, mac: Mac): void {
    const request = decode6(frame, { checksumReady: true, port: 547 });
    const { type, options } = request.message;
    this.sent6.set(type, (this.sent6.get(type) ?? 0) + 1);
    const duid = optionOf(options, 'client-id')?.duid;
    const iaid = optionOf(options, 'ia-na')?.iaid;
    if (duid !== duidOfMac(mac) || (iaid !== undefined && iaid !== iaidOfMac(mac))) {
      throw new Error(`${type} of ${mac} has DUID ${duid} and IAID ${iaid}`);
    }
    for (const server of this.servers6) {
      this.#carry(() => {
        const message = server.answer(request.message, this.clock.now());
        if (message === undefined) return;
        const { mac: serverMac } = server.settings;
        const reply = encode6({
          ...{ sourceMac: serverMac, destinationMac: mac, message },
          ...{ source: linkLocalOf(serverMac), destination: request.source },
        });
        this.#carry(() => tell(this.#ears6, reply, mac));
      });
    }
  }

  #neighbour(bytes: Uint8Array, mac: Mac): void {
    const frame = decodeNdpFrame(bytes, { checksumReady: true });
    const { message } = frame;
    if (message.type === 'router-solicitation') {
      for (const router of this.routers) this.#carry(() => router.answer(mac));
      return;
    }
    const toOthers = (sent: Uint8Array, from: Mac) =>
      this.clock.after(this.#shortDelay(), () => {
        for (const ear of [...this.#ears6]) if (ear.isListening && ear.mac !== from) ear.hear(sent);
      });
    toOthers(bytes, mac);
    if (message.type !== 'neighbor-solicitation') return;
    const owner = this.owners.get(message.target);
    if (owner === undefined || owner === mac) return;
    toOthers(encodeNdpFrame(neighborAnswer(owner, { ...frame, message })), owner);
  }

  #shortDelay(): number {
    return 1 + Math.floor(this.random() * 80);
  }

  #carry(deliver: () => void): void {
    if (this.random() < this.#loss) return;
    this.clock.after(1 + Math.floor(this.random() * 1_200), deliver);
  }
}

function open(
  ears: Set<Listener>,
  mac: Mac,
  handlers: Parameters<OpenSocket>[2],
  send: (frame: Uint8Array) => void,
): ReturnType<OpenSocket> {
  const ear: Listener = {
    ...{ mac, isListening: false },
    hear: (frame) => handlers.onFrame(frame, { checksumReady: true }),
  };
  ears.add(ear);
  return {
    listen: () => {
      ear.isListening = true;
    },
    send,
    sendFromLink: () => undefined,
    close: () => void ears.delete(ear),
  };
}

function tell(ears: ReadonlySet<Listener>, frame: Uint8Array, to: Mac): void {
  for (const ear of [...ears]) if (ear.isListening && ear.mac === to) ear.hear(frame);
}
