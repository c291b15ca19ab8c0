/**
 * Finds out which routers and which DHCPv6 servers a segment has. It asks from a link of the host,
 * by router solicitations (RFC 4861 §6.3.7), SOLICIT and INFORMATION-REQUEST (RFC 9915 §18.2.1,
 * §18.2.6). Nothing is leased, and nothing is configured.
 */
import type { Clock } from '../../clock.ts';
import { decodeFrame, encodeFrame, clientFrame } from '../../dhcp6/frame.ts';
import { optionOf } from '../../dhcp6/options.ts';
import { buildMessage } from '../../dhcp6/requests.ts';
import { decodeNdpFrame, encodeNdpFrame, type NdpFrame } from '../../ndp/frame.ts';
import type { RouterAdvertisement } from '../../ndp/message.ts';
import { neighborAnswer, routerSolicitation } from '../../ndp/packets.ts';
import { duidOfMac, iaidOfMac } from '../../vocabulary/ipv6/duid.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Mac } from '../../wire/address.ts';
import { formatSubnet6, linkLocalOf, type Ipv6 } from '../../wire/address6.ts';
import { PROTOCOL_UDP } from '../../wire/ipv4.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import { nextHeaderOf } from '../ipv6/ipv6-channel.ts';
import type { OpenSocket } from '../sockets/frame-socket.ts';

export interface RouterFact {
  /** Its link-local address. */
  readonly address: Ipv6;
  readonly mac: Mac;
  readonly isDefault: boolean;
  /** Flag M: it tells hosts to ask a DHCPv6 server for an address. */
  readonly isManaged: boolean;
  /** Those of which hosts may make an address, sorted. */
  readonly prefixes: readonly string[];
}

export interface Server6Fact {
  /** From where it answered. */
  readonly address: Ipv6;
  readonly mac: Mac;
  readonly hasAddress: boolean;
}

export interface Ipv6Survey {
  readonly routers: readonly RouterFact[];
  readonly servers: readonly Server6Fact[];
}

export interface Ipv6SurveyDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly openIpv6Socket: OpenSocket;
}

/** A frame may be lost. */
const ASK_AT: readonly Ms[] = [0, 1_000, 2_500];
/** A router may wait 3.5 s with an answer to a group (RFC 4861 §6.2.6). */
const LISTEN_FOR: Ms = 4_000;
/** A flood of made-up ones must not fill memory. */
const MOST_FOUND = 8;
const XIDS = 2 ** 24;

/**
 * @param from a link in this process's network namespace, and its MAC.
 * @throws PluginError SOCKET_FAILED.
 */
export async function surveyIpv6(
  { clock, random, openIpv6Socket }: Ipv6SurveyDeps,
  { link, mac }: { readonly link: string; readonly mac: Mac },
): Promise<Ipv6Survey> {
  const routers = new Map<string, RouterFact>();
  const servers = new Map<string, Server6Fact>();
  const xids = [random, random].map((dice) => Math.floor(dice() * XIDS));
  const [solicitXid = 0, informationXid = 0] = xids;
  const identity = { duid: duidOfMac(mac), iaid: iaidOfMac(mac), hostName: undefined };
  const whenDone: (() => void)[] = [];

  const take = <Found>(found: Map<string, Found>, key: string, one: Found): void => {
    if (found.has(key) || found.size < MOST_FOUND) found.set(key, one);
  };

  const hearServer = (frame: Uint8Array, checksumReady: boolean): void => {
    const { message, source, sourceMac } = decodeFrame(frame, { checksumReady });
    const server = optionOf(message.options, 'server-id')?.duid;
    const isOurs =
      (message.type === 'ADVERTISE' && message.xid === solicitXid) ||
      (message.type === 'REPLY' && message.xid === informationXid);
    if (server === undefined || !isOurs) return;
    const ia = optionOf(message.options, 'ia-na');
    const offers = ia !== undefined && optionOf(ia.options, 'ia-address') !== undefined;
    const hasAddress = offers || servers.get(server)?.hasAddress === true;
    take(servers, server, { address: source, mac: sourceMac, hasAddress });
  };

  try {
    await new Promise<void>((resolve, reject) => {
      const hear = (frame: Uint8Array, checksumReady: boolean): void => {
        if (nextHeaderOf(frame) === PROTOCOL_UDP) return hearServer(frame, checksumReady);
        const heard = decodeNdpFrame(frame, { checksumReady });
        const { message } = heard;
        if (message.type === 'router-advertisement') {
          const router = routerOf({ ...heard, message });
          take(routers, router.address, router);
        }
        // A server looks for our address before it answers. The host has none on this link.
        if (message.type === 'neighbor-solicitation' && message.target === linkLocalOf(mac)) {
          send(encodeNdpFrame(neighborAnswer(mac, { ...heard, message })));
        }
      };
      const socket = openIpv6Socket({ link, promiscuous: true }, mac, {
        onFrame: (frame, { checksumReady }) => {
          try {
            hear(frame, checksumReady);
          } catch (error) {
            if (!(error instanceof MalformedError)) throw error;
          }
        },
        onError: reject,
      });
      whenDone.push(() => socket.close());
      socket.listen();
      const startedAt = clock.now();
      const send = (frame: Uint8Array): void => {
        try {
          socket.send(frame);
        } catch {
          // The link may come up in a moment. The next question finds out.
        }
      };
      const ask = (after: Ms): void => {
        const parts = { elapsed: after / 10, xid: solicitXid };
        send(encodeNdpFrame(routerSolicitation(mac)));
        send(encodeFrame(clientFrame(mac, buildMessage('SOLICIT', identity, parts))));
        const information = { ...parts, xid: informationXid };
        const asked = buildMessage('INFORMATION-REQUEST', identity, information);
        send(encodeFrame(clientFrame(mac, asked)));
      };
      for (const after of ASK_AT) whenDone.push(clock.at(startedAt + after, () => ask(after)));
      whenDone.push(clock.at(startedAt + LISTEN_FOR, resolve));
    });
  } finally {
    for (const finish of whenDone) finish();
  }
  return { routers: [...routers.values()], servers: [...servers.values()] };
}

function routerOf({ source, sourceMac, message }: NdpFrame<RouterAdvertisement>): RouterFact {
  const prefixes = message.options.flatMap((option) =>
    option.type === 'prefix' && option.isAutonomous && option.validLifetime > 0
      ? [formatSubnet6(option.subnet)]
      : [],
  );
  return {
    ...{ address: source, mac: sourceMac, isManaged: message.isManaged },
    isDefault: message.routerLifetime > 0,
    prefixes: [...new Set(prefixes)].sort(),
  };
}
