/** A hub's authority, clients that it made, and a Docker that is not there, for the management. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import {
  makeAuthority,
  makeClient,
  makeRequest,
  publicKeyOfRequest,
  sign,
} from '../../../plugin/uplink/manage/certificates.ts';
import type { Identity } from '../../../plugin/uplink/manage/x509.ts';
import type { Credentials } from '../../../plugin/uplink/manage/credentials.ts';

const DAY = 86_400_000;
export const CLIENT = 'vlandhcp://hq/laptop/0123456789abcdef/1';

export const soon = () => ({ from: Date.now() - 600_000, until: Date.now() + DAY });

export async function makeSite(name = 'hq') {
  const authority = await makeAuthority(`vlandhcp hub of ${name}`, soon());
  const { privateKey, request } = await makeRequest();
  const publicKey = (await publicKeyOfRequest(request))!;
  const names = ['laptop', 'localhost', '127.0.0.1', '::1', 'hub.example.net'];
  const wanted = { subject: 'laptop', publicKey, names, ...soon() };
  const certificate = await sign(authority, { ...wanted, use: 'server' });
  const server: Credentials = { privateKey, certificate, authority: authority.certificate };
  return {
    authority,
    server,
    client: (more: { names?: string[]; from?: number; until?: number } = {}) =>
      makeClient(authority, { subject: 'manages laptop', names: [CLIENT], ...soon(), ...more }),
  };
}

/** What a client hears until the other end is done. `closed`: the connection was cut. */
export async function talk(
  port: number,
  authority: string,
  own: Identity | undefined,
  said: string,
  more: { host?: string; servername?: string } = {},
): Promise<string> {
  const socket = dial(port, authority, own, more);
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  const ended = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(heard));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(`${heard}!${error.code}`));
  });
  socket.end(said);
  return ended;
}

export function dial(
  port: number,
  authority: string,
  own: Identity | undefined,
  { host = '127.0.0.1', servername = 'localhost' } = {},
): TLSSocket {
  const keys = own && { key: own.privateKey, cert: own.certificate };
  return connect({ host, port, servername, ca: authority, ...keys });
}

/** Answers only when the input is over, as `docker exec -i` of `wc` does. */
export class FakeDocker {
  readonly #folder = mkdtempSync(join(tmpdir(), 'vlandhcp-docker-'));
  readonly path = join(this.#folder, 'docker.sock');
  readonly #server: Server;
  readonly sockets = new Set<Socket>();
  connections = 0;

  private constructor(serve: (socket: Socket) => void) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.sockets.delete(socket));
      serve(socket);
    });
  }

  static async open(serve: (socket: Socket) => void = countWhenOver): Promise<FakeDocker> {
    const docker = new FakeDocker(serve);
    await new Promise<void>((resolve) => docker.#server.listen(docker.path, resolve));
    return docker;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function countWhenOver(socket: Socket): void {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  socket.once('end', () => socket.end(`${bytes} bytes`));
}
