/** A trunk in memory: says which VLANs were asked and when, and answers as a test wants. */
import { decodeFrame, encodeFrame } from '../../../plugin/dhcp4/frame.ts';
import type { OpenTrunkSocket } from '../../../plugin/leasing/segment/trunk-probe.ts';
import type { FakeClock } from '../time/fake-clock.ts';
import { ip, mac, offer, SERVER, SERVER_MAC } from '../frames/messages.ts';

export const TRUNK_MAC = mac('02:00:00:00:00:0a');
/** From a question to its answer. */
const ROUND_TRIP_MS = 5;

export class FakeTrunk {
  readonly sent: { vlan: number; at: number }[] = [];
  /** The parents whose sockets were opened. */
  readonly opened: string[] = [];
  isOpen = false;
  /** Called with each question. Gives the frames that come back, and by which VLAN. */
  answer: (vlan: number) => readonly { vlan: number; server?: string }[] = () => [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  readonly open: OpenTrunkSocket = (parent, handlers) => {
    this.opened.push(parent);
    this.isOpen = true;
    return {
      mac: TRUNK_MAC,
      send: (frame, vlan) => {
        const now = this.#clock.now();
        this.sent.push({ vlan, at: now });
        const { message } = decodeFrame(frame, { checksumReady: true, port: 67 });
        for (const { vlan: vlanId, server = SERVER } of this.answer(vlan)) {
          const reply = offer({
            xid: message.xid,
            serverId: ip(server),
            header: { chaddr: TRUNK_MAC },
          });
          const bytes = encodeFrame({
            ...{ sourceMac: SERVER_MAC, destinationMac: TRUNK_MAC },
            ...{ sourceAddress: ip(server), destinationAddress: ip('255.255.255.255') },
            message: reply,
          });
          this.#clock.at(now + ROUND_TRIP_MS, () => {
            if (this.isOpen) handlers.onFrame(bytes, { checksumReady: true, vlanId });
          });
        }
      },
      close: () => (this.isOpen = false),
    };
  };
}
