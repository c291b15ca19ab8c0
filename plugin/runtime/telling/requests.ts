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
const TIMES = {
  /** A request must have come as a whole by then. */
  requestTimeout: 10_000,
  /** How often the server looks for requests that are late. */
  connectionsCheckingInterval: 2_000,
} satisfies Record<string, Ms>;
/** A client that takes nothing of its answer for this long is cut off. */
const SILENT_CLIENT: Ms = 30_000;

export type Answerer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * A server that lets no request hold up the process. What a client does wrong is no line of the
 * log: each line would be an event, and whoever reaches the port could push out the history.
 * @param sockets gets the open connections.
 */
export function limitedServer(
  answer: Answerer,
  log: Logger,
  sockets: Set<Socket>,
  times = TIMES,
): Server {
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    // Else the connection keeps its place until the client, or a timer, ends it.
    response.shouldKeepAlive = false;
    answerWithin(request, response, answer).catch((err: unknown) => {
      log.error({ path: pathOf(request).slice(0, 100), err }, 'admin request failed unexpectedly');
      fail(response, 500, 'no answer, because something failed here; see the log');
    });
  };
  const server = createServer({ maxHeaderSize: HEAD_LIMIT, ...times }, onRequest);
  server.on('checkExpectation', onRequest); // whatever it expects: the answer has a status
  server.maxConnections = MOST_CONNECTIONS;
  // A second request of a connection would wait for the first one, which may go on for days.
  server.maxRequestsPerSocket = 1;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable) return void socket.destroy();
    const [status, text] = refusalOf(error, times.requestTimeout);
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${JSON.stringify({ error: text })}\n`,
    );
  });
  return server;
}

function refusalOf({ code, message }: NodeJS.ErrnoException, limit: Ms): [string, string] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const text = `the request's head is longer than ${HEAD_LIMIT} bytes`;
    return ['431 Request Header Fields Too Large', text];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return ['408 Request Timeout', `the request did not come within ${limit / 1000} s`];
  }
  return ['400 Bad Request', `the request is not HTTP: ${message}`];
}

async function answerWithin(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answerer,
): Promise<void> {
  response.setTimeout(SILENT_CLIENT, () => response.destroy());
  const size = await sizeOfBody(request);
  if (size === undefined) return void response.destroy();
  if (size <= BODY_LIMIT) return answer(request, response);
  fail(response, 413, 'a request to the admin API has no body');
}

/**
 * Reads what the client sends, and keeps nothing of it. Ends as soon as it is too much.
 * @returns undefined if the client went meanwhile.
 */
async function sizeOfBody(request: IncomingMessage): Promise<number | undefined> {
  let size = 0;
  try {
    for await (const chunk of request) {
      size += (chunk as Buffer).length;
      if (size > BODY_LIMIT) break;
    }
  } catch {
    return undefined;
  }
  return size;
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
