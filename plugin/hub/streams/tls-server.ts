/**
 * The TCP port of the hub, usually 443: members speak WireGuard there, in WebSocket messages, where
 * UDP is blocked (U2). Whatever else comes gets nothing: 404 for requests, the end for connections
 * by which WireGuard was not reached.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../clock.ts';
import type { DatagramStream } from '../../uplink/streams/datagram-stream.ts';
import { passDatagrams, SOCKET_OPTIONS } from '../../uplink/streams/web-socket.ts';
import { Admission, isHere, type AdmissionLimits, type Place } from './admission.ts';
import type { TlsIdentity } from './certificate.ts';
import { openTcpPort } from './tcp-port.ts';
import { ANSWERED_WITHIN, openRelay, type Relay } from './relay.ts';

export interface TlsServerDeps {
  readonly clock: Pick<Clock, 'now' | 'at'>;
  readonly identity: TlsIdentity;
  readonly limits: AdmissionLimits;
  /** The UDP port of WireGuard on this host. */
  readonly wireguardPort: number;
}

/** TLS and the request have this time each. */
const HANDSHAKE_MS = 5_000;
const HEAD_LIMIT = 8_192;

/** Connections that may be open at all. Those above the limits are closed when they come. */
const HEADROOM = 64;

export class TlsServer {
  readonly #deps: TlsServerDeps;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #admission: Admission;
  /** By address and port of the client. TLS and HTTP know the connection by these, too. */
  readonly #connections = new Map<string, Connection>();
  /** By the stream's relay: where it comes from. */
  readonly #relays = new Map<Relay, string>();

  constructor(deps: TlsServerDeps) {
    this.#deps = deps;
    this.#admission = new Admission(deps.limits);
    const { key, cert } = deps.identity;
    const times = { requestTimeout: HANDSHAKE_MS, headersTimeout: HANDSHAKE_MS };
    this.#server = createServer(
      {
        ...{ key, cert, maxHeaderSize: HEAD_LIMIT, ...times, connectionsCheckingInterval: 1_000 },
        ...{ handshakeTimeout: HANDSHAKE_MS, ALPNProtocols: ['http/1.1'] },
      },
      refuse,
    );
    this.#server.maxConnections = deps.limits.all + HEADROOM;
    this.#sockets = new WebSocketServer({
      ...{ noServer: true, clientTracking: false, ...SOCKET_OPTIONS },
    });
    this.#server.on('connection', (socket: Socket) => this.#enter(socket));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    // What is no TLS and no HTTP.
    this.#server.on('tlsClientError', (_, socket) => socket.destroy());
    this.#server.on('clientError', (_, socket) => socket.destroy());
  }

  /** @throws SystemCallError, or the error of the socket. */
  async listen(port: number, address?: string): Promise<number> {
    const fd = openTcpPort(port, address);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ fd }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', () => undefined);
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#admission.size;
  }

  /** Who speaks by that UDP port of this host. Undefined: nobody of ours. */
  clientAt(port: number): string | undefined {
    return [...this.#relays].find(([relay]) => relay.port === port)?.[1];
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket } of this.#connections.values()) socket.destroy();
    await closed;
  }

  /** Every connection has its place and its end, whatever it does. */
  #enter(socket: Socket): void {
    const place = this.#admission.enter(socket.remoteAddress ?? '', () => socket.destroy());
    if (place === undefined) return void socket.destroy();
    socket.setNoDelay(true);
    const { clock } = this.#deps;
    const connection = { socket, place, isProven: false };
    const name = nameOf(socket);
    this.#connections.set(name, connection);
    const cancel = clock.at(clock.now() + ANSWERED_WITHIN, () => {
      if (!connection.isProven) socket.destroy();
    });
    socket.once('close', () => {
      cancel();
      this.#connections.delete(name);
      place.leave();
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const connection = this.#connections.get(nameOf(request.socket));
    if (connection === undefined) return void socket.destroy();
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      const stream: DatagramStream = passDatagrams(client, {
        opened: () => undefined,
        datagram: (datagram) => relay.take(datagram),
        ended: () => {
          this.#relays.delete(relay);
          relay.close();
        },
      });
      const relay = openRelay(stream, {
        ...{ clock: this.#deps.clock, port: this.#deps.wireguardPort },
        end: () => stream.close(),
        proven: () => {
          connection.isProven = true;
          connection.place.prove();
        },
      });
      this.#relays.set(relay, clientOf(request));
    });
  }
}

interface Connection {
  readonly socket: Socket;
  readonly place: Place;
  /** True once WireGuard has answered by it. */
  isProven: boolean;
}

function nameOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** To show. A reverse proxy on this host says for whom it speaks. */
function clientOf({ socket, headers }: IncomingMessage): string {
  const from = (socket.remoteAddress ?? '?').replace(/^::ffff:/i, '');
  const said =
    String(headers['x-forwarded-for'] ?? '')
      .split(',')
      .at(-1)
      ?.trim() ?? '';
  return isHere(from) && isIP(said) !== 0 ? said : from;
}

function refuse(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404, { 'Content-Type': 'text/plain', Connection: 'close' });
  response.end('nothing is here\n');
}
