/**
 * The admin API: JSON over HTTP on a unix socket of its own, mode 0600, for operators. It has
 * nothing in common with the sockets of Docker's calls but the process, and each request has a
 * limit in size, time and number. So no request can hold up a call of Docker's (D16).
 */
import { mkdir, rmdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { EventBus } from '../../events/event-bus.ts';
import type { Logger } from '../../logger.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Ms } from '../../vocabulary/time.ts';
import { closeServer, listen } from '../../runtime/unix-socket.ts';
import { streamEvents } from './event-stream.ts';
import { streamProbe } from './probe-stream.ts';
import { streamTrace } from './trace-stream.ts';
import { answerTo, type Operator } from './routes.ts';

const MOST_CONNECTIONS = 64;
/** A request is a line and some headers. Node's own limit is twice as high. */
const HEAD_LIMIT = 8_192;
/** No request has a body. A client that sends one all the same is told so after this much. */
const BODY_LIMIT = 1_024;
const REQUEST_LIMIT: Ms = 10_000;
/** A client that takes nothing of its answer for this long is cut off. */
const SILENT_CLIENT: Ms = 30_000;

export interface AdminDeps {
  /** Undefined until the plugin has started. */
  readonly operator: () => Operator | undefined;
  readonly bus: Pick<EventBus, 'list' | 'subscribe'>;
  /** Version and settings. */
  readonly about: object;
  readonly log: Logger;
}

export interface AdminServer {
  /** Ends all requests, and removes the socket. */
  close(): Promise<void>;
}

/** @throws PluginError SOCKET_FAILED. The plugin works without this socket. */
export async function serveAdmin(path: string, deps: AdminDeps): Promise<AdminServer> {
  const sockets = new Set<Socket>();
  // If this fails, so does `listen`, which says why.
  const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(() => undefined);
  const server = await listen(() => createAdminServer(deps, sockets), path);
  server.on('error', (err) =>
    deps.log.warn({ path, err }, 'admin socket: connection not accepted'),
  );
  return {
    close: async () => {
      const closed = closeServer(server);
      for (const socket of sockets) socket.destroy();
      await closed;
      if (made !== undefined) await rmdir(dirname(path)).catch(() => undefined);
    },
  };
}

function createAdminServer(deps: AdminDeps, sockets: Set<Socket>): Server {
  const limits = { maxHeaderSize: HEAD_LIMIT, requestTimeout: REQUEST_LIMIT };
  const server = createServer(limits, (request, response) => {
    serveRequest(request, response, deps).catch((err: unknown) => {
      deps.log.error(
        { path: request.url?.slice(0, 100), err },
        'admin request failed unexpectedly',
      );
      fail(response, 500, 'the plugin failed to answer; see its log');
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable) return void socket.destroy();
    const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
    const status = isTooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request';
    const text = isTooLarge
      ? `the request's head is longer than ${HEAD_LIMIT} bytes`
      : `the request is not HTTP: ${error.message}`;
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${JSON.stringify({ error: text })}\n`,
    );
  });
  return server;
}

async function serveRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { operator, bus, about }: AdminDeps,
): Promise<void> {
  response.setTimeout(SILENT_CLIENT, () => response.destroy());
  if (!(await hasNoBody(request))) {
    response.setHeader('Connection', 'close');
    return fail(response, 413, 'a request to the admin API has no body');
  }
  const plugin = operator();
  if (plugin === undefined) {
    return fail(response, 503, 'the plugin is starting; try again in some seconds');
  }
  try {
    const answer = await answerTo(request.method ?? '', request.url ?? '', { plugin, bus, about });
    if (answer.kind === 'events') return await streamEvents(response, bus, answer);
    if (answer.kind === 'probe') {
      return await streamProbe(response, (question) => plugin.probe(question), answer);
    }
    if (answer.kind === 'trace') {
      return streamTrace(response, (wanted, listener) => plugin.watch(wanted, listener), answer);
    }
    send(response, answer.status, answer.body);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    fail(response, error.code === 'LEASE_BUSY' ? 409 : 400, error.message);
  }
}

/** Reads what the client sends, and keeps nothing of it. */
async function hasNoBody(request: IncomingMessage): Promise<boolean> {
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) return false;
  }
  return true;
}

function fail(response: ServerResponse, status: number, error: string): void {
  send(response, status, { error });
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
