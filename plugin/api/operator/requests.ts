/** What the servers for operators have in common: limits of a request, and how answers are sent. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../../logger.ts';
import type { Ms } from '../../vocabulary/time.ts';

const MOST_CONNECTIONS = 64;
/** A request is a line and some headers. Node's own limit is twice as high. */
const HEAD_LIMIT = 8_192;
/** No request has a body. A client that sends one all the same is told so after this much. */
const BODY_LIMIT = 1_024;
const REQUEST_LIMIT: Ms = 10_000;
/** A client that takes nothing of its answer for this long is cut off. */
const SILENT_CLIENT: Ms = 30_000;

export type Answerer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * A server that lets no request hold up the process.
 * @param sockets gets the open connections.
 */
export function limitedServer(answer: Answerer, log: Logger, sockets: Set<Socket>): Server {
  const limits = { maxHeaderSize: HEAD_LIMIT, requestTimeout: REQUEST_LIMIT };
  const server = createServer(limits, (request, response) => {
    answerWithin(request, response, answer).catch((err: unknown) => {
      log.error({ path: pathOf(request).slice(0, 100), err }, 'admin request failed unexpectedly');
      fail(response, 500, 'the plugin failed to answer; see its log');
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  // A second request of a connection would wait for the first one, which may go on for days.
  server.maxRequestsPerSocket = 1;
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

async function answerWithin(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answerer,
): Promise<void> {
  response.setTimeout(SILENT_CLIENT, () => response.destroy());
  if (await hasNoBody(request)) return answer(request, response);
  response.setHeader('Connection', 'close');
  fail(response, 413, 'a request to the admin API has no body');
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

/** Without the query, which may hold a token. */
function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?')[0] ?? '';
}

export function fail(response: ServerResponse, status: number, error: string): void {
  send(response, status, { error });
}

export function send(response: ServerResponse, status: number, body: object): void {
  sendText(response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

export function sendText(
  response: ServerResponse,
  status: number,
  type: string,
  text: string | Buffer,
): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.writeHead(status, { 'Content-Type': type });
  response.end(text);
}
