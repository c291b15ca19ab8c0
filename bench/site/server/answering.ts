/**
 * A DHCP server as fast as it can be made, so that the client is what is measured. It has two ready
 * frames, OFFER and ACK, and fills in only the client's own fields. Every client keeps its address.
 */
import { encodeFrame } from '../../../plugin/dhcp4/frame.ts';
import { parseIpv4, type Ipv4, type Mac } from '../../../plugin/wire/address.ts';
import { ack, offer, type ReplyParts } from '../../../test/support/frames/messages.ts';

/** Positions in an Ethernet frame with IPv4 (no options), UDP and DHCP (RFC 2131 §2). */
const AT = { checksum: 40, xid: 46, ciaddr: 54, yiaddr: 58, chaddr: 70, options: 282 } as const;
const PAD = 0;
const END = 255;
const MESSAGE_TYPE = 53;
const DISCOVER = 1;
const REQUEST = 3;
/** Addresses of a /24 that a host can have. */
const HOSTS = 254;

export interface AnsweringSettings {
  readonly mac: Mac;
  /** First two octets: `10.100`. The server is `.0.1` in it, and clients begin at `.1.1`. */
  readonly prefix: string;
  readonly leaseSec: number;
  /** Sent as options 58 and 59; undefined leaves T1 and T2 to the client. */
  readonly t1Sec?: number | undefined;
}

export type Answer = { readonly frame: Uint8Array; readonly isRenewal: boolean } | undefined;

/** @returns what answers a client's frame; undefined to anything but DISCOVER and REQUEST. */
export function createAnswering(settings: AnsweringSettings): (frame: Uint8Array) => Answer {
  const { mac, prefix, leaseSec, t1Sec } = settings;
  const serverId = address(`${prefix}.0.1`);
  const times = t1Sec === undefined ? {} : { t1Sec, t2Sec: Math.round((t1Sec + leaseSec) / 2) };
  const parts: ReplyParts = { address: serverId, serverId, leaseSec, ...times };
  const frameOf = (message: ReturnType<typeof ack>): Uint8Array => {
    const frame = encodeFrame({
      sourceMac: mac,
      destinationMac: mac,
      sourceAddress: serverId,
      destinationAddress: address('255.255.255.255'),
      message,
    });
    frame.fill(0, AT.checksum, AT.checksum + 2); // none (RFC 768): the fields filled in differ
    return frame;
  };
  const [offered, acknowledged] = [frameOf(offer(parts)), frameOf(ack(parts))];
  const [first = 10, second = 0] = prefix.split('.').map(Number);
  /** By MAC; bounded by the clients of one run. */
  const numbers = new Map<string, number>();

  return (frame) => {
    const type = messageType(frame);
    if (type !== DISCOVER && type !== REQUEST) return undefined;
    const client = frame.subarray(AT.chaddr, AT.chaddr + 6);
    const key = client.join();
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    const answer = Uint8Array.from(type === DISCOVER ? offered : acknowledged);
    answer.set(client, 0);
    answer.set(client, AT.chaddr);
    answer.set(frame.subarray(AT.xid, AT.xid + 4), AT.xid);
    // Neither the first nor the last address of a /24: a client refuses those.
    const third = 1 + Math.floor(number / HOSTS);
    answer.set([first, second, third, 1 + (number % HOSTS)], AT.yiaddr);
    return { frame: answer, isRenewal: frame[AT.ciaddr] !== 0 };
  };
}

function messageType(frame: Uint8Array): number | undefined {
  for (let at = AT.options; at < frame.length && frame[at] !== END;) {
    if (frame[at] === MESSAGE_TYPE) return frame[at + 2];
    at += frame[at] === PAD ? 1 : 2 + (frame[at + 1] ?? 0);
  }
  return undefined;
}

function address(text: string): Ipv4 {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new Error(`no IPv4 address: ${text}`);
  return parsed;
}
