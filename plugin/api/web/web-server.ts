/**
 * The TCP port for operators: the page, metrics, and what the admin API tells. It only tells. What
 * changes something, or sends frames, needs the admin socket.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PluginError } from '../../vocabulary/errors.ts';
import { PAGE_FILES } from '../../web/page-files.ts';
import { closeServer } from '../../runtime/unix-socket.ts';
import type { AdminDeps } from '../operator/admin-server.ts';
import { streamEvents } from '../operator/event-stream.ts';
import { Followers } from '../operator/followers.ts';
import { fail, limitedServer, send, sendText } from '../operator/requests.ts';
import { answerTo, parseTarget } from '../operator/routes.ts';
import { Access } from './access.ts';
import { checkToken, parseListen, type ListenAddress } from './listen-address.ts';
import { resumed, streamServerSentEvents, wantsServerSentEvents } from './server-sent-events.ts';

const SECURITY_HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

export interface WebServer {
  readonly port: number;
  /** Ends all requests. */
  close(): Promise<void>;
}

/**
 * @param setting `ADDRESS:PORT`.
 * @param token undefined or empty: none, which is enough on loopback.
 * @throws PluginError INVALID_OPTION or SOCKET_FAILED. The plugin works without this port.
 */
export async function serveWeb(
  setting: string,
  token: string | undefined,
  deps: AdminDeps,
): Promise<WebServer> {
  const address = parseListen(setting);
  const known = token === '' ? undefined : token;
  checkToken(address, known);
  const access = new Access(known);
  const sockets = new Set<Socket>();
  const followers = new Followers();
  const server = limitedServer(
    (request, response) => serveRequest(request, response, { ...deps, access, followers }),
    deps.log,
    sockets,
  );
  await listening(server, address, setting);
  server.on('error', (err) => deps.log.warn({ err }, 'HTTP port: connection not accepted'));
  return {
    port: address.port,
    close: async () => {
      const closed = closeServer(server);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function listening(server: Server, { host, port }: ListenAddress, setting: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => {
      const reason =
        error.code === 'EADDRINUSE'
          ? 'another program listens there; set another port'
          : error.message;
      const text = `cannot listen on HTTP_LISTEN=${setting}: ${reason}`;
      reject(new PluginError('SOCKET_FAILED', text, { cause: error }));
    };
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

interface WebDeps extends AdminDeps {
  readonly access: Access;
  readonly followers: Followers;
}

async function serveRequest(
  request: IncomingMessage,
  response: ServerResponse,
  deps: WebDeps,
): Promise<void> {
  const { method = '', url = '', headers } = request;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  if (method !== 'GET') {
    response.setHeader('Allow', 'GET');
    return fail(
      response,
      405,
      'this port only tells; what changes something is on the admin socket',
    );
  }
  const verdict = deps.access.judge(url, headers);
  if (verdict.kind === 'refused') {
    if (verdict.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    return fail(response, verdict.status, verdict.why);
  }
  if (verdict.kind === 'welcome') {
    response.setHeader('Set-Cookie', verdict.cookie);
    response.setHeader('Location', verdict.location);
    return sendText(response, 303, 'text/plain', '');
  }
  const path = url.split('?')[0] ?? '';
  const file = PAGE_FILES.get(path);
  if (file !== undefined) return sendText(response, 200, file.type, file.body);
  if (path === '/metrics') {
    return sendText(response, 200, deps.metrics.type, await deps.metrics.text());
  }
  await serveApi(request, response, deps);
}

/**
 * The paths of the admin API that only tell. They are judged as that API parses them, and not as
 * they were written: `/v1/leases/..\doctor` is its `/v1/doctor`.
 */
function isToTell(target: string): boolean {
  const [version, kind = '', ...rest] = parseTarget(target).path;
  if (version !== 'v1') return false;
  const isLease = kind === 'leases' && rest.length === 1;
  return (
    isLease || (rest.length === 0 && ['plugin', 'networks', 'leases', 'events'].includes(kind))
  );
}

const KNOWN = '/, /metrics, /v1/plugin, /v1/networks, /v1/leases, /v1/leases/KEY and /v1/events';

async function serveApi(
  { url = '', headers }: IncomingMessage,
  response: ServerResponse,
  { operator, bus, about, followers }: WebDeps,
): Promise<void> {
  const plugin = operator();
  if (plugin === undefined) {
    return fail(response, 503, 'the plugin is starting; try again in some seconds');
  }
  try {
    if (!isToTell(url)) {
      return fail(response, 404, `this port has no ${url.slice(0, 100)}; it has ${KNOWN}`);
    }
    const answer = await answerTo('GET', resumed(url, headers), { plugin, bus, about });
    if (answer.kind === 'json') return send(response, answer.status, answer.body);
    if (answer.kind !== 'events') return fail(response, 404, 'this port only tells');
    if (answer.follow) {
      const why = followers.refusal(response);
      if (why !== undefined) return fail(response, 503, why);
      if (wantsServerSentEvents(headers))
        return await streamServerSentEvents(response, bus, answer);
    }
    await streamEvents(response, bus, answer);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    fail(response, 400, error.message);
  }
}
