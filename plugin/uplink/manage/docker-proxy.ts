/**
 * Docker's socket of this host, on its address in the tunnel (U11): TLS 1.3 with a certificate of
 * the hub's authority on both sides. Bytes pass as they come; dockerd is not reconfigured.
 */
import { constants, X509Certificate } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Logger } from '../../logger.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { WallTime } from '../../vocabulary/time.ts';
import { passBothWays } from './both-ways.ts';
import type { Credentials } from './credentials.ts';

/** Who knows no certificate costs at most this long. */
const HANDSHAKE_MS = 10_000;
/** A refused client has this long to read why. */
const REFUSED_MS = 5_000;
const MOST_CONNECTIONS = 256;
/** A client that vanished is found by the kernel. */
const KEEPALIVE_MS = 60_000;
const CLIENT_USE = '1.3.6.1.5.5.7.3.2';
const SEVERAL_LOGGED_EVERY_MS = 60_000;

export interface DockerProxyDeps {
  readonly address: string;
  readonly port: number;
  readonly dockerSocket: string;
  /** The member's name, for sentences. */
  readonly name: string;
  readonly now: () => WallTime;
  readonly log: Logger;
}

/** What may change while connections are open. */
export interface ProxyTrust {
  readonly credentials: Credentials;
  /** The URI in the certificates of clients that may manage this host now. */
  readonly client: string;
}

export class DockerProxy {
  readonly #deps: DockerProxyDeps;
  readonly #server: Server;
  /** All connections, also those whose handshake is not over. */
  readonly #sockets = new Set<Socket>();
  /** Accepted ones, each with the URI of its certificate. */
  readonly #open = new Map<TLSSocket, string>();
  #trust: ProxyTrust;
  #loggedAt = -Infinity;
  #refused = 0;

  private constructor(deps: DockerProxyDeps, trust: ProxyTrust) {
    this.#deps = deps;
    this.#trust = trust;
    this.#server = createServer(
      {
        ...tlsOf(trust.credentials),
        requestCert: true,
        // Refused in `#serve` instead, where the client can be told why.
        rejectUnauthorized: false,
        allowHalfOpen: true,
        handshakeTimeout: HANDSHAKE_MS,
      },
      (socket) => this.#serve(socket),
    );
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('tlsClientError', (error) => this.#logRefusal(error.message));
  }

  /** @throws PluginError SOCKET_FAILED. */
  static async open(deps: DockerProxyDeps, trust: ProxyTrust): Promise<DockerProxy> {
    const proxy = new DockerProxy(deps, trust);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(deps.port, deps.address, resolve);
    }).catch((cause: unknown) => {
      const { code, message } = cause as NodeJS.ErrnoException;
      const mend = code === 'EADDRINUSE' ? '; another program has this port: ss -ltnp' : '';
      throw new PluginError(
        'SOCKET_FAILED',
        `cannot listen on ${deps.address}:${deps.port} for the management of Docker: ${message}${mend}`,
        { cause },
      );
    });
    proxy.#server.on('error', (err: Error) =>
      deps.log.error({ err }, 'management: listener failed'),
    );
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** New connections use it at once. Connections of clients that it ends are cut. */
  trust(trust: ProxyTrust): void {
    this.#server.setSecureContext(tlsOf(trust.credentials));
    this.#trust = trust;
    for (const [socket, client] of this.#open) if (client !== trust.client) socket.destroy();
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }

  #serve(socket: TLSSocket): void {
    socket.on('error', () => undefined); // its end is seen by `close`
    const certificate = socket.getPeerX509Certificate();
    const wrong = this.#whyNot(socket, certificate);
    if (wrong !== undefined) {
      this.#logRefusal(wrong);
      return answer(socket, 403, `vlandhcp on ${this.#deps.name}: ${wrong}`);
    }
    const { dockerSocket } = this.#deps;
    this.#open.set(socket, this.#trust.client);
    socket.once('close', () => this.#open.delete(socket));
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.setNoDelay(true);
    const docker = connect({ path: dockerSocket, allowHalfOpen: true });
    docker.once('connect', () => {
      docker.off('error', failed);
      passBothWays(socket, docker);
    });
    const failed = ({ message }: Error): void => {
      const why = `Docker's socket ${dockerSocket} cannot be used: ${message}; see that dockerd runs there, and that vlandhcp-uplink.service may use it (vlandhcp-uplink-manage.conf)`;
      this.#deps.log.warn({ reason: why }, 'management: no way to Docker');
      answer(socket, 502, `vlandhcp on ${this.#deps.name}: ${why}`);
    };
    docker.once('error', failed);
    socket.once('close', () => docker.destroy());
  }

  /** One sentence. Undefined: the client may manage this host. */
  #whyNot(socket: TLSSocket, certificate: X509Certificate | undefined): string | undefined {
    const again = 'make a new one at the hub: vlandhcp hub context';
    if (certificate === undefined) {
      return `the client has no certificate; ${again}`;
    }
    const now = this.#deps.now();
    const from = Date.parse(certificate.validFrom);
    const until = Date.parse(certificate.validTo);
    const isOfHub = certificate.verify(
      new X509Certificate(this.#trust.credentials.authority).publicKey,
    );
    if (!isOfHub) return `the client's certificate is not of the hub's authority; ${again}`;
    if (now < from || now >= until) {
      const [day, here] = [now < from ? from : until, now].map((at) => new Date(at).toISOString());
      return `the client's certificate ${now < from ? 'begins' : 'ended'} at ${day}, and the clock here says ${here}; set the clock, or ${again}`;
    }
    // A server's certificate has neither the use nor the URI.
    const isClient =
      certificate.keyUsage?.includes(CLIENT_USE) === true &&
      certificate.subjectAltName === `URI:${this.#trust.client}`;
    if (!isClient) {
      return `the client's certificate is not for the management of this host, or was ended at the hub; ${again}`;
    }
    if (socket.authorized) return undefined;
    return `the client's certificate is refused: ${String(socket.authorizationError)}; ${again}`;
  }

  /** At most once a minute, since a port of the hub is open to the Internet. */
  #logRefusal(reason: string): void {
    this.#refused += 1;
    const now = this.#deps.now();
    if (Math.abs(now - this.#loggedAt) < SEVERAL_LOGGED_EVERY_MS) return;
    this.#deps.log.warn({ reason, refused: this.#refused }, 'management: client refused');
    this.#loggedAt = now;
    this.#refused = 0;
  }
}

function tlsOf({ privateKey, certificate, authority }: Credentials) {
  return {
    ...{ key: privateKey, cert: certificate, ca: authority, minVersion: 'TLSv1.3' as const },
    // No session comes back without its certificate being looked at again.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** As Docker would say it, so that its command line prints the sentence. */
function answer(socket: TLSSocket, status: number, message: string): void {
  const body = `${JSON.stringify({ message })}\n`;
  const words = status === 403 ? 'Forbidden' : 'Bad Gateway';
  // Not a limit of silence: a client that sends an octet now and then would keep its place.
  const timer = setTimeout(() => socket.destroy(), REFUSED_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(
    `HTTP/1.1 ${status} ${words}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
