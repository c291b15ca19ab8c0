/**
 * Docker's plugin protocol over HTTP on unix sockets: `POST /<Capability>.<Method>`, one JSON
 * object each way. Failures have `Err` and `Error`, because libnetwork reads one of them for
 * networks and the other for addresses.
 */
import { createServer, type Server } from 'node:http';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type Response,
} from 'express';
import type { Clock } from '../clock.ts';
import type { Emit } from '../events/events.ts';
import { messageOf, PluginError, type ErrorCode } from '../vocabulary/errors.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import { CALLS_WITHOUT_BODY, type Handler, type Handlers } from './handler.ts';
import { callFinished } from './call-event.ts';
import { parseBody, type JsonObject } from './json.ts';
import { closeServer, listen } from '../runtime/unix-socket.ts';

const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json';
const CAPABILITIES = ['NetworkDriver', 'IpamDriver'];
const BODY_LIMIT = '1mb';
/** Where dockerd has a limit, it is 30 s. We answer before that. */
const CALL_LIMIT_MS: Ms = 28_000;

interface ServeDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** If undefined, nobody is told of calls. */
  readonly emit?: Emit | undefined;
}

export interface PluginServer {
  /** Stops listening, removes the sockets, and lets running calls finish. */
  close(): Promise<void>;
}

/**
 * Serves all handlers on every path, mode 0600.
 * @param handlers may be ready later. Calls wait for them.
 * @throws PluginError SOCKET_FAILED if another process uses a path, or if a path cannot be made.
 */
export async function serve(
  paths: readonly string[],
  handlers: Handlers | Promise<Handlers>,
  log: Logger,
  clock: Clock,
  emit?: Emit,
): Promise<PluginServer> {
  const app = createApp(handlers, { log, clock, emit });
  const servers: Server[] = [];
  const close = async () => {
    await Promise.all(servers.map(closeServer));
    // Node removes the socket files of servers that listened.
  };
  try {
    for (const path of paths) {
      const server = await listen(() => createPluginServer(app), path);
      // No file descriptor is left. That connection is lost, and dockerd calls again.
      server.on('error', (err) => log.error({ path, err }, 'a connection could not be accepted'));
      servers.push(server);
    }
  } catch (error) {
    await close();
    throw error;
  }
  log.info({ paths }, 'listening');
  return { close };
}

function createApp(handlers: Handlers | Promise<Handlers>, deps: ServeDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // dockerd sends no Content-Type. The body is always read as JSON.
  app.use(express.text({ type: () => true, limit: BODY_LIMIT, defaultCharset: 'utf-8' }));
  app.use(async (request, response) => {
    const call = request.path.slice(1);
    const known = withActivate(await handlers);
    const handler = Object.hasOwn(known, call) ? known[call] : undefined;
    if (request.method !== 'POST' || handler === undefined) {
      return fail(response, 404, `vlandhcp has no call ${request.method} ${request.path}`);
    }
    await answer({ call, handler, request, response, ...deps });
  });
  app.use(bodyError);
  return app;
}

/**
 * The handshake of a plugin that dockerd found by its socket. dockerd uses only the capabilities
 * named here.
 */
function withActivate(handlers: Handlers): Handlers {
  const Implements = CAPABILITIES.filter((name) =>
    Object.hasOwn(handlers, `${name}.GetCapabilities`),
  );
  return { ...handlers, 'Plugin.Activate': () => ({ Implements }) };
}

async function answer(
  exchange: {
    readonly call: string;
    readonly handler: Handler;
    readonly request: Request;
    readonly response: Response;
  } & ServeDeps,
): Promise<void> {
  const { call, handler, request, response, log, clock, emit } = exchange;
  const startedAt = clock.now();
  const ms = () => Math.round(clock.now() - startedAt);
  const ended = new AbortController();
  const end = (why: string) => ended.abort(new PluginError('CANCELLED', why));
  response.on('close', () => {
    if (!response.writableFinished) end(`dockerd hung up during ${call}`);
  });
  const cancelTimer = clock.at(startedAt + CALL_LIMIT_MS, () => {
    end(`${call} was not finished within ${CALL_LIMIT_MS / 1000} s; see the plugin's log`);
  });
  let body: JsonObject = {};
  try {
    const text = typeof request.body === 'string' ? request.body : '';
    if (!CALLS_WITHOUT_BODY.has(call)) body = parseBody(text);
    const result = await unlessAborted(ended.signal, async () => handler(body, ended.signal), log);
    log.debug({ call, ms: ms() }, 'request finished');
    emit?.(callFinished(call, body, ms()));
    send(response, 200, result);
  } catch (error) {
    const code = codeOf(error);
    if (code !== undefined) log.warn({ call, ms: ms(), code, err: error }, 'request failed');
    else log.error({ call, ms: ms(), err: error }, 'request failed unexpectedly');
    const message = messageOf(error);
    emit?.(callFinished(call, body, ms(), message));
    fail(response, code === undefined ? 500 : 200, message);
  } finally {
    cancelTimer();
  }
}

/**
 * Answers dockerd in time, however long the work takes: at boot dockerd waits without a limit. The
 * signal tells the work to stop. The work takes back what it did.
 */
async function unlessAborted<Result>(
  signal: AbortSignal,
  work: () => Promise<Result>,
  log: Logger,
): Promise<Result> {
  const result = work();
  const aborted = new Promise<never>((_resolve, reject) => {
    const fail = () => reject(signal.reason as PluginError);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
  try {
    return await Promise.race([result, aborted]);
  } catch (error) {
    if (signal.aborted) {
      result.catch((err: unknown) => log.debug({ err }, 'request taken back after its answer'));
    }
    throw error;
  }
}

/** The code of an expected failure, also if its clean-up failed, too. */
function codeOf(error: unknown): ErrorCode | undefined {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof PluginError ? first.code : undefined;
}

/** A body that is too large, cut short, or in an unknown encoding is refused before any handler. */
const bodyError: ErrorRequestHandler = (
  error: { status?: number; message?: string },
  _q,
  response,
  _next,
) => {
  fail(response, error.status ?? 500, `the request cannot be read: ${error.message ?? 'unknown'}`);
};

function fail(response: Response, status: number, message: string): void {
  send(response, status, { Err: message, Error: message });
}

function send(response: Response, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return;
  response.status(status).set('Content-Type', CONTENT_TYPE).end(JSON.stringify(body));
}

function createPluginServer(app: Express): Server {
  const server = createServer(app);
  // dockerd keeps idle connections. If we closed one, dockerd would repeat a call with an empty
  // body.
  server.keepAliveTimeout = 0;
  // While stopping, a connection is idle as soon as its call is answered.
  server.on('request', (_request, response) => {
    response.once('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
  });
  return server;
}
