/**
 * Datagrams as messages of a WebSocket, so that the reverse proxy of a site can pass them on. No
 * compression: the datagrams are encrypted. The certificate of the other end is not checked: inside
 * is WireGuard, which knows the hub by its key, and a proxy that opens TLS does no harm.
 */
import { WebSocket } from 'ws';
import { MOST_UNSENT, type DatagramStream, type StreamEvents } from './datagram-stream.ts';
import { ProxyAgent } from './proxy/proxy-agent.ts';
import type { Proxy } from './proxy/proxy-way.ts';
import { LONGEST_MESSAGE } from './wireguard-message.ts';

/** What both ends want of `ws`. Pings are not answered, because answers are kept in memory. */
export const SOCKET_OPTIONS = {
  ...{ perMessageDeflate: false, maxPayload: LONGEST_MESSAGE, skipUTF8Validation: true },
  autoPong: false,
} as const;

/** Name, TCP, TLS and HTTP together. Through a proxy it is TLS and HTTP, after the CONNECT. */
const OPENED_WITHIN_MS = 8_000;

/** @param proxy undefined: the way is direct. */
export function openWebSocket(url: string, events: StreamEvents, proxy?: Proxy): DatagramStream {
  const socket = new WebSocket(url, {
    ...{ ...SOCKET_OPTIONS, followRedirects: false, handshakeTimeout: OPENED_WITHIN_MS },
    rejectUnauthorized: false,
    ...(proxy && { agent: new ProxyAgent(proxy) }),
  });
  return passDatagrams(socket, events);
}

export function passDatagrams(socket: WebSocket, events: StreamEvents): DatagramStream {
  let why: string | undefined;
  socket.binaryType = 'nodebuffer';
  socket.on('open', events.opened);
  socket.on('unexpected-response', (_, { statusCode }) => {
    why = `a web server answers there with status ${statusCode}, and passes no WebSocket to the hub`;
    socket.terminate();
  });
  socket.on('error', (error) => (why ??= error.message));
  socket.on('close', (code) => events.ended(why ?? `the other end closed it (${code})`));
  socket.on('message', (data, isBinary) => {
    if (isBinary && Buffer.isBuffer(data)) return events.datagram(data);
    why = 'the other end sent text, and not datagrams';
    socket.terminate();
  });
  return {
    send(datagram) {
      if (socket.readyState !== socket.OPEN || socket.bufferedAmount > MOST_UNSENT) return;
      socket.send(datagram, () => undefined);
    },
    close: () => socket.terminate(),
  };
}
