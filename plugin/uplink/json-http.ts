/**
 * JSON over HTTP, with limits in size, time and number: what the registrar and the admin sockets of
 * hub and uplink have in common, and their clients.
 */
import {
  createServer,
  request,
  type IncomingMessage,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';

/** A request is a line and some headers. */
const HEAD_LIMIT = 4_096;
/** The whole request must have come within this time. */
const REQUEST_LIMIT_MS = 5_000;
/** A client that takes nothing of its answer for this long is cut off. */
const SILENT_CLIENT_MS = 60_000;
/**
 * An answer may be held for minutes. After so much silence the kernel asks that of the server
 * whether it still has the connection. A server that was switched off and on has not.
 */
const VANISHED_AFTER_MS = 30_000;

export interface JsonCall {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Undefined if there is none, or if it is no JSON. */
  readonly body: unknown;
  /** The address of the client; empty on a unix socket. */
  readonly from: string;
  /** Aborted when the client goes. */
  readonly gone: AbortSignal;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body?: object;
  readonly end?: () => void;
  /** Writes the whole answer, in place of all that. */
  readonly write?: (response: ServerResponse) => Promise<void>;
}

export interface JsonLimits {
  readonly longestBody: number;
  readonly mostConnections: number;
  /** Of one client. */
  readonly mostFromOne: number;
}

/** @param onFailure told what `answer` throws; the client gets status 500. */
export function createJsonServer(
  answer: (call: JsonCall) => Promise<JsonAnswer>,
  limits: JsonLimits,
  onFailure: (error: unknown) => void,
): Server {
  const times = { requestTimeout: REQUEST_LIMIT_MS, headersTimeout: REQUEST_LIMIT_MS };
  const settings = {
    ...{ maxHeaderSize: HEAD_LIMIT, ...times, connectionsCheckingInterval: 1_000 },
    // Of a client that has vanished while its answer is held.
    ...{ keepAlive: true, keepAliveInitialDelay: SILENT_CLIENT_MS },
  };
  /** Calls in work. A client that hangs up, or sends many at once, leaves its calls in a queue. */
  const inWork = new Counts();
  const bounded = async (call: JsonCall): Promise<JsonAnswer> => {
    if (inWork.add(call.from) <= limits.mostFromOne) {
      return answer(call).finally(() => inWork.remove(call.from));
    }
    inWork.remove(call.from);
    return { status: 503, body: { error: 'too many calls of this host are in work; ask later' } };
  };
  const server = createServer(settings, (incoming, response) => {
    serve(incoming, response, bounded, limits).catch((error: unknown) => {
      onFailure(error);
      send(response, { status: 500, body: { error: 'failed unexpectedly; see the log there' } });
    });
  });
  server.maxConnections = limits.mostConnections;
  const open = new Counts();
  server.on('connection', (socket: Socket) => {
    const from = addressOf(socket);
    socket.once('close', () => open.remove(from));
    if (open.add(from) > limits.mostFromOne) socket.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable) return void socket.destroy();
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
    socket.end(`HTTP/1.1 ${status} Bad Request\r\nConnection: close\r\n\r\n`);
  });
  return server;
}

/** By address. Bounded by the addresses of the tunnel network. */
class Counts {
  readonly #counts = new Map<string, number>();

  /** @returns how many there are with this one. */
  add(from: string): number {
    const count = (this.#counts.get(from) ?? 0) + 1;
    this.#counts.set(from, count);
    return count;
  }

  remove(from: string): void {
    const left = (this.#counts.get(from) ?? 1) - 1;
    if (left > 0) this.#counts.set(from, left);
    else this.#counts.delete(from);
  }
}

async function serve(
  incoming: IncomingMessage,
  response: ServerResponse,
  answer: (call: JsonCall) => Promise<JsonAnswer>,
  { longestBody }: JsonLimits,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  let text: string | undefined;
  try {
    text = await textOf(incoming, longestBody);
  } catch {
    return void response.destroy(); // the client went while it sent
  }
  if (text === undefined) {
    response.setHeader('Connection', 'close');
    const error = `a request has at most ${longestBody} bytes`;
    return send(response, { status: 413, body: { error } });
  }
  const [path = '', query] = (incoming.url ?? '').split('?');
  const found = await answer({
    method: incoming.method ?? '',
    path,
    query: new URLSearchParams(query),
    body: parsed(text),
    from: addressOf(incoming.socket),
    gone: gone.signal,
  });
  if (found.write !== undefined) return found.write(response);
  if (found.end !== undefined) response.once('close', found.end);
  send(response, found);
}

function send(response: ServerResponse, { status, body, end }: JsonAnswer): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.setTimeout(SILENT_CLIENT_MS, () => response.destroy());
  // What follows the answer may cut the connection, so the client is told not to use it again.
  if (end !== undefined) response.setHeader('Connection', 'close');
  if (body === undefined) return void response.writeHead(status).end();
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

/** Undefined if it is longer than that. */
async function textOf(incoming: IncomingMessage, longest: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > longest) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}

/**
 * Asks once, on a connection of its own.
 * @throws the error of the socket; Error if the answer is too long.
 */
export async function askJson(
  options: RequestOptions & { readonly signal: AbortSignal },
  body: object | undefined,
  longestAnswer: number,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = { 'Content-Length': Buffer.byteLength(text) };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request({ ...options, headers, agent: false }, resolve);
    call.setSocketKeepAlive(true, VANISHED_AFTER_MS);
    call.on('error', reject);
    call.end(text);
  });
  const answer = await textOf(response, longestAnswer);
  if (answer === undefined) throw new Error('the answer is too long');
  return { status: response.statusCode ?? 0, body: parsed(answer) };
}
