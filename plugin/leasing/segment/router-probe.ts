/**
 * Finds out which router a segment has: sends router solicitations from a link of the host, and
 * hears the advertisement (RFC 4861 §6.3.7). Nothing is configured by it.
 */
import type { Clock } from '../../clock.ts';
import { decodeNdpFrame, encodeNdpFrame } from '../../ndp/frame.ts';
import { routerSolicitation } from '../../ndp/packets.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Mac } from '../../wire/address.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import { PROTOCOL_UDP } from '../../wire/ipv4.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import { nextHeaderOf } from '../ipv6/ipv6-channel.ts';
import type { FrameSocket, OpenSocket } from '../sockets/frame-socket.ts';

/** A frame may get lost while a new VLAN link comes up. */
const RESEND_AFTER: readonly Ms[] = [300, 1_000];

export interface RouterProbeDeps {
  readonly clock: Clock;
  readonly openIpv6Socket: OpenSocket;
}

/**
 * @param from a link in this process's network namespace, and its MAC.
 * @returns the link-local address of the first router that serves as a default router. Undefined if
 * none answers.
 * @throws PluginError SOCKET_FAILED; what `signal` is aborted with.
 */
export type RouterProbe = (
  from: { readonly link: string; readonly mac: Mac },
  limits: { readonly by: Instant; readonly signal: AbortSignal },
) => Promise<Ipv6 | undefined>;

export function routerProbe({ clock, openIpv6Socket }: RouterProbeDeps): RouterProbe {
  return async ({ link, mac }, { by, signal }) => {
    const startedAt = clock.now();
    const whenDone: (() => void)[] = [];
    let socket: FrameSocket | undefined;
    const ask = () => {
      try {
        socket?.listen();
        socket?.send(encodeNdpFrame(routerSolicitation(mac)));
      } catch {
        // The link may come up in a moment. The next solicitation finds out.
      }
    };
    try {
      return await new Promise<Ipv6 | undefined>((resolve, reject) => {
        const cancelled = () => reject(signal.reason as Error);
        if (signal.aborted) return cancelled();
        signal.addEventListener('abort', cancelled, { once: true });
        whenDone.push(() => signal.removeEventListener('abort', cancelled));
        socket = openIpv6Socket({ link, promiscuous: true }, mac, {
          onFrame: (frame, { checksumReady }) => {
            const router = routerIn(frame, checksumReady);
            if (router !== undefined) resolve(router);
          },
          onError: reject,
        });
        ask();
        for (const after of RESEND_AFTER) whenDone.push(clock.at(startedAt + after, ask));
        whenDone.push(clock.at(by, () => resolve(undefined)));
      });
    } finally {
      for (const finish of whenDone) finish();
      socket?.close();
    }
  };
}

/** Undefined for anything but an advertisement of a default router. */
function routerIn(frame: Uint8Array, checksumReady: boolean): Ipv6 | undefined {
  if (nextHeaderOf(frame) === PROTOCOL_UDP) return undefined;
  try {
    const { source, message } = decodeNdpFrame(frame, { checksumReady });
    const isRouter = message.type === 'router-advertisement' && message.routerLifetime > 0;
    return isRouter ? source : undefined;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return undefined;
  }
}
