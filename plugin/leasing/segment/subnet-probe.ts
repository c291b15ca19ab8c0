/**
 * Finds out which subnet is served on a link. Sends DISCOVER and nothing after the OFFER, so that
 * nothing is leased (RFC 2131 §3.1 steps 1 and 2). Servers soon forget an offer.
 */
import type { Clock } from '../../clock.ts';
import { readOffer } from '../../dhcp4/client/client-acceptance.ts';
import { decodeFrame, encodeFrame } from '../../dhcp4/frame.ts';
import { leaseTermsOf } from '../../dhcp4/lease-terms.ts';
import { buildDiscover } from '../../dhcp4/requests.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { LeaseTerms } from '../../vocabulary/lease.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import { IPV4_ANY, IPV4_BROADCAST, MAC_BROADCAST } from '../../wire/address.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import type { FrameSocket, OpenSocket } from '../sockets/frame-socket.ts';
import { leaseFailure } from '../start/lease-failure.ts';
import { clientConfig, type LeaseSubject } from '../lease-subject.ts';
import { Trace } from '../trace.ts';

/**
 * A frame may get lost while a new VLAN link comes up. Servers that ping first answer after 3 s
 * (dnsmasq).
 */
const RESEND_AFTER: readonly Ms[] = [500, 2_000];

export interface SubnetProbeDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly openSocket: OpenSocket;
}

/**
 * @param subject the client that asks. Its MAC is the link's own.
 * @param link in this process's network namespace.
 * @returns the terms of the first usable offer.
 * @throws PluginError NO_OFFER, SOCKET_FAILED, CANCELLED.
 */
export async function probeSubnet(
  { clock, random, openSocket }: SubnetProbeDeps,
  subject: LeaseSubject,
  link: string,
  { by, signal }: { readonly by: Instant; readonly signal: AbortSignal },
): Promise<LeaseTerms> {
  const trace = new Trace();
  const config = clientConfig(subject);
  const startedAt = clock.now();
  const xid = Math.floor(random() * 2 ** 32);
  const whenDone: (() => void)[] = [];
  let socket: FrameSocket | undefined;

  const send = () => {
    const secs = Math.round((clock.now() - startedAt) / 1000);
    const message = buildDiscover(config, { xid, secs }, { wished: undefined, rapidCommit: false });
    const frame = encodeFrame({
      sourceMac: config.mac,
      destinationMac: MAC_BROADCAST,
      sourceAddress: IPV4_ANY,
      destinationAddress: IPV4_BROADCAST,
      message,
    });
    try {
      socket?.listen();
      socket?.send(frame);
      trace.sent(message, clock.now());
    } catch (error) {
      trace.sendFailed(error);
    }
  };

  const receive = (frame: Uint8Array, checksumReady: boolean): LeaseTerms | undefined => {
    try {
      const { message, sourceMac, sourceAddress } = decodeFrame(frame, { checksumReady });
      trace.received(message, sourceAddress, clock.now());
      const env = { now: clock.now(), random, config };
      const event = { type: 'message', message, sourceMac, sourceAddress } as const;
      const offer = readOffer(event, env, { xid, declined: [] });
      if (offer.type === 'OFFER') {
        return leaseTermsOf(message, offer.serverId, sourceMac, [], config.wishes);
      }
      trace.ignored({ reason: offer.reason, message, sourceAddress });
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      trace.malformed(error.what);
    }
    return undefined;
  };

  try {
    return await new Promise<LeaseTerms>((resolve, reject) => {
      const cancelled = () => {
        const why = signal.reason instanceof Error ? signal.reason.message : 'cancelled';
        reject(new PluginError('CANCELLED', `${why}, while asking on ${subject.segment}`));
      };
      if (signal.aborted) return cancelled();
      signal.addEventListener('abort', cancelled, { once: true });
      whenDone.push(() => signal.removeEventListener('abort', cancelled));
      // Bound to all protocols. A socket for one protocol hears nothing on a link with a bridge or
      // macvlan.
      socket = openSocket({ link, promiscuous: true }, config.mac, {
        onFrame: (frame, { checksumReady }) => {
          const terms = receive(frame, checksumReady);
          if (terms !== undefined) resolve(terms);
        },
        onError: reject,
      });
      send();
      for (const after of RESEND_AFTER) whenDone.push(clock.at(startedAt + after, send));
      const give = () => reject(leaseFailure(trace, subject, Math.round(clock.now() - startedAt)));
      whenDone.push(clock.at(by, give));
    });
  } finally {
    for (const finish of whenDone) finish();
    socket?.close();
  }
}
