/**
 * The TCP port for operators: the page, metrics, and what the admin API tells. It only tells. What
 * changes something, or sends frames, needs the admin socket.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PluginError } from '../../vocabulary/errors.ts';
import { PAGE_FILES } from '../../web/page-files.ts';
import type { AdminDeps } from '../operator/admin-server.ts';
import { streamEvents } from '../../runtime/telling/event-stream.ts';
import { Followers } from '../../runtime/telling/followers.ts';
import { servePort, type TellingPort } from '../../runtime/telling/open-port.ts';
import { fail, send, sendText } from '../../runtime/telling/requests.ts';
import { answerTo, parseTarget } from '../operator/routes.ts';
import { resumed, streamServerSentEvents, wantsServerSentEvents } from './server-sent-events.ts';

/**
 * @param setting `ADDRESS:PORT`.
 * @param token undefined or empty: none, which is enough on loopback.
 * @throws PluginError INVALID_OPTION or SOCKET_FAILED. The plugin works without this port.
 */
export function serveWeb(
  setting: string,
  token: string | undefined,
  deps: AdminDeps,
): Promise<TellingPort> {
  const followers = new Followers();
  return servePort(setting, token, deps.log, (request, response) =>
    serveRequest(request, response, { ...deps, followers }),
  );
}

interface WebDeps extends AdminDeps {
  readonly followers: Followers;
}

async function serveRequest(
  request: IncomingMessage,
  response: ServerResponse,
  deps: WebDeps,
): Promise<void> {
  const { url = '' } = request;
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
