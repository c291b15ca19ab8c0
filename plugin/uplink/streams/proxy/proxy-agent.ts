/**
 * Connections through an HTTP proxy, by its CONNECT (RFC 9110 §9.3.6), for the WebSocket of a
 * member. What the proxy refuses is told in one sentence, which no package for proxies does.
 */
import { request } from 'node:http';
import { Agent, request as requestTls, type RequestOptions } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import type { Ms } from '../../../vocabulary/time.ts';
import { proxyWords, type Proxy } from './proxy-way.ts';

/** The connection to the proxy, and from there to the hub. */
const CONNECTED_WITHIN: Ms = 8_000;

type Done = (error: Error | null, socket: Duplex) => void;

/** For one connection: TLS to the hub, in what the proxy passes. */
export class ProxyAgent extends Agent {
  readonly #proxy: Proxy;

  constructor(proxy: Proxy) {
    super({ keepAlive: false });
    this.#proxy = proxy;
  }

  /** Called by Node for each request, with the socket that is still to be made. */
  override createConnection(options: RequestOptions, done?: Done): undefined {
    const [host, port] = [options.host ?? '', Number(options.port ?? 443)];
    // Of what `ws` has put there TLS takes what it knows, and no path of a socket.
    const { rejectUnauthorized } = options;
    const own = { host, port, rejectUnauthorized, servername: isIP(host) === 0 ? host : '' };
    openTunnel(this.#proxy, proxyWords({ host, port })).then(
      (socket) => done?.(null, connect({ ...own, socket })),
      // Nothing reads the socket if there is an error.
      (error: Error) => (done as ((error: Error) => void) | undefined)?.(error),
    );
  }
}

/**
 * @param target `HOST:PORT`, as the proxy is to resolve it.
 * @throws Error with a sentence.
 */
function openTunnel(proxy: Proxy, target: string): Promise<Socket> {
  const { isTls, host, port, credentials } = proxy;
  const words = proxyWords(proxy);
  const secret = Buffer.from(credentials ?? '').toString('base64');
  return new Promise((resolve, reject) => {
    const call = (isTls ? requestTls : request)({
      ...{ host, port, method: 'CONNECT', path: target, agent: false },
      headers: {
        Host: target,
        ...(credentials !== undefined && { 'Proxy-Authorization': `Basic ${secret}` }),
      },
    });
    // No signal and no time-out of the request: the socket lives on after it.
    const timer = setTimeout(() => {
      call.destroy(new Error(`no answer within ${CONNECTED_WITHIN / 1_000} s`));
    }, CONNECTED_WITHIN);
    // With CONNECT every answer comes by this event.
    call.once('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      clearTimeout(timer);
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) socket.unshift(head);
        return resolve(socket);
      }
      socket.destroy();
      reject(new Error(refusal(proxy, target, statusCode)));
    });
    call.on('error', ({ message }) => {
      clearTimeout(timer);
      reject(new Error(`the proxy ${words} cannot be reached: ${message}`));
    });
    call.end();
  });
}

function refusal({ isTls, credentials, ...at }: Proxy, target: string, status: number): string {
  const proxy = proxyWords(at);
  if (status === 407 && credentials !== undefined) {
    return `the proxy ${proxy} does not take the user and password that it got, status 407`;
  }
  if (status === 407) {
    return `the proxy ${proxy} wants a user and a password, status 407; write them as ${isTls ? 'https' : 'http'}://USER:PASSWORD@${proxy}`;
  }
  if (status === 403) {
    return `the proxy ${proxy} does not let this host reach ${target}, status 403; who runs the proxy must allow it`;
  }
  return `the proxy ${proxy} does not reach ${target}, status ${status}; its log says why`;
}
