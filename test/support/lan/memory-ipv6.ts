/**
 * A segment with one router and one DHCPv6 server that answer at once, for tests of the whole
 * plugin without a kernel. What clients send is decoded and kept.
 */
import { decodeFrame, encodeFrame } from '../../../plugin/dhcp6/frame.ts';
import type { Dhcp6Message } from '../../../plugin/dhcp6/message.ts';
import type { OpenSocket } from '../../../plugin/leasing/sockets/frame-socket.ts';
import { decodeNdpFrame, encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { duidOfMac } from '../../../plugin/vocabulary/ipv6/duid.ts';
import { linkLocalOf, subnet6Of } from '../../../plugin/wire/address6.ts';
import { PROTOCOL_UDP } from '../../../plugin/wire/ipv4.ts';
import { NEXT_HEADER_ICMPV6 } from '../../../plugin/wire/ipv6.ts';
import { advertisement } from '../../unit/ndp/ndp-messages.ts';
import type { FakeClock } from '../time/fake-clock.ts';
import type { Ipv6Sockets } from '../frames/ipv6-sockets.ts';
import { ip6, mac } from '../frames/messages.ts';
import { ModelServer6 } from './model-server6.ts';

const NEXT_HEADER_AT = 20;
const SERVER = mac('02:00:00:00:00:06');

export class MemoryIpv6 implements Ipv6Sockets {
  readonly server = new ModelServer6({
    ...{ duid: duidOfMac(SERVER), mac: SERVER, preference: 0, rapidCommit: false },
    ...{ preferredSec: 1_800, validSec: 3_600, onLink: subnet6Of(ip6('2001:db8::'), 64) },
    pool: ['2001:db8::50', '2001:db8::51', '2001:db8::52'].map(ip6),
  });
  readonly sent: Dhcp6Message[] = [];
  readonly #clock: FakeClock;
  /** What the router tells. */
  readonly #advertised = advertisement({ isManaged: true, options: [] });

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  readonly openRouterSocket: Ipv6Sockets['openRouterSocket'] = () => ({ close: () => undefined });

  readonly openIpv6Socket: OpenSocket = (_place, own, handlers) => {
    let isOpen = true;
    const hear = (frame: Uint8Array) => {
      if (isOpen) handlers.onFrame(frame, { checksumReady: true });
    };
    const send = (frame: Uint8Array) => {
      const next = frame[NEXT_HEADER_AT];
      if (next === PROTOCOL_UDP) this.#serve(frame, hear);
      if (next !== NEXT_HEADER_ICMPV6) return;
      const { message } = decodeNdpFrame(frame, { checksumReady: true });
      if (message.type === 'router-solicitation') hear(encodeNdpFrame(this.#advertised));
    };
    const close = () => {
      isOpen = false;
    };
    return { index: 7, listen: () => undefined, send, sendFromLink: send, close };
  };

  #serve(bytes: Uint8Array, hear: (frame: Uint8Array) => void): void {
    const request = decodeFrame(bytes, { checksumReady: true, port: 547 });
    this.sent.push(request.message);
    const message = this.server.answer(request.message, this.#clock.now());
    if (message === undefined) return;
    const reply = encodeFrame({
      ...{ sourceMac: SERVER, destinationMac: request.sourceMac, message },
      ...{ source: linkLocalOf(SERVER), destination: request.source },
    });
    hear(reply);
  }
}
