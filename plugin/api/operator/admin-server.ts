/**
 * The admin API: JSON over HTTP on a unix socket of its own, mode 0600, for operators. It has
 * nothing in common with the sockets of Docker's calls but the process, and each request has a
 * limit in size, time and number. So no request can hold up a call of Docker's (D16).
 */
import { mkdir, rmdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { EventBus } from '../../events/event-bus.ts';
import type { Logger } from '../../logger.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { closeServer, listen } from '../../runtime/unix-socket.ts';
import { streamEvents } from '../../runtime/telling/event-stream.ts';
import { Followers } from '../../runtime/telling/followers.ts';
import { streamProbe } from './probe-stream.ts';
import { fail, limitedServer, send, sendText } from '../../runtime/telling/requests.ts';
import { streamTrace, type Watch } from './trace-stream.ts';
import { answerTo, type Operator } from './routes.ts';

export interface AdminDeps {
  /** Undefined until the plugin has started. */
  readonly operator: () => Operator | undefined;
  readonly bus: Pick<EventBus, 'list' | 'subscribe'>;
  /** Version and settings. */
  readonly about: object;
  /** What Prometheus reads. */
  readonly metrics: Metrics;
  readonly log: Logger;
}

export interface AdminServer {
  /** Ends all requests, and removes the socket. */
  close(): Promise<void>;
}

/** @throws PluginError SOCKET_FAILED. The plugin works without this socket. */
export async function serveAdmin(path: string, deps: AdminDeps): Promise<AdminServer> {
  const { log } = deps;
  const sockets = new Set<Socket>();
  const followers = new Followers();
  // If this fails, so does `listen`, which says why.
  const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(() => undefined);
  const server = await listen(
    () =>
      limitedServer(
        (request, response) => serveRequest(request, response, { ...deps, followers }),
        log,
        sockets,
      ),
    path,
  );
  server.on('error', (err) => log.warn({ path, err }, 'admin socket: connection not accepted'));
  return {
    close: async () => {
      const closed = closeServer(server);
      for (const socket of sockets) socket.destroy();
      await closed;
      if (made !== undefined) await rmdir(dirname(path)).catch(() => undefined);
    },
  };
}

async function serveRequest(
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
  { operator, bus, about, metrics, log, followers }: AdminDeps & { readonly followers: Followers },
): Promise<void> {
  if (method === 'GET' && url === '/metrics') {
    return sendText(response, 200, metrics.type, await metrics.text());
  }
  const plugin = operator();
  if (plugin === undefined) {
    return fail(response, 503, 'the plugin is starting; try again in some seconds');
  }
  try {
    const answer = await answerTo(method, url, { plugin, bus, about });
    const goesOn = answer.kind === 'trace' || (answer.kind === 'events' && answer.follow);
    const full = goesOn ? followers.refusal(response) : undefined;
    if (full !== undefined) return fail(response, 503, full);
    if (answer.kind === 'events') return await streamEvents(response, bus, answer);
    if (answer.kind === 'probe') {
      return await streamProbe(response, (question) => plugin.probe(question), answer);
    }
    if (answer.kind === 'trace') {
      const watch: Watch = (wanted, listener) => plugin.watch(wanted, listener);
      return streamTrace(response, { watch, log }, answer);
    }
    send(response, answer.status, answer.body);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    fail(response, error.code === 'LEASE_BUSY' ? 409 : 400, error.message);
  }
}
