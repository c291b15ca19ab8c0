/**
 * The admin sockets of hub and uplink: calls with a body of JSON, on a unix socket that only root
 * may use. The command line is their only client.
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ServerResponse } from 'node:http';
import { closeServer, listen } from '../runtime/unix-socket.ts';
import { PluginError } from '../vocabulary/errors.ts';
import { askJson, createJsonServer, type JsonAnswer, type JsonCall } from './json-http.ts';

const LIMITS = { longestBody: 65_536, mostConnections: 32, mostFromOne: 32 };
const LONGEST_ANSWER = 16_777_216;
/** A join tries all addresses of the hub twice. */
const ANSWERED_WITHIN_MS = 120_000;

/** By name. What a call gets is not checked yet. */
export type AdminCalls = Readonly<Record<string, (body: unknown) => Promise<object>>>;

/** What a GET gets, such as `/metrics`. */
export interface Telling {
  has(path: string): boolean;
  answer(path: string, query: URLSearchParams, response: ServerResponse): Promise<void>;
}

const TELLS_NOTHING: Telling = { has: () => false, answer: () => Promise.resolve() };

/** @throws PluginError SOCKET_FAILED. */
export async function serveAdmin(
  path: string,
  calls: AdminCalls,
  onFailure: (error: unknown) => void,
  telling = TELLS_NOTHING,
): Promise<{ close(): Promise<void> }> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(() => undefined);
  const make = () => createJsonServer((call) => answerTo(calls, telling, call), LIMITS, onFailure);
  const server = await listen(make, path);
  return {
    close() {
      const closed = closeServer(server);
      server.closeAllConnections();
      return closed;
    },
  };
}

async function answerTo(
  calls: AdminCalls,
  telling: Telling,
  { method, path, query, body }: JsonCall,
): Promise<JsonAnswer> {
  if (method === 'GET' && telling.has(path)) {
    return { status: 200, write: (response) => telling.answer(path, query, response) };
  }
  const [, name = ''] = /^\/v1\/([a-z-]+)$/.exec(path) ?? [];
  const call = Object.hasOwn(calls, name) ? calls[name] : undefined;
  if (method !== 'POST' || call === undefined) {
    const error = `there is no call ${method} ${path.slice(0, 100)}; calls are POST /v1/${Object.keys(calls).join(', ')}`;
    return { status: 404, body: { error } };
  }
  try {
    return { status: 200, body: await call(body) };
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return { status: 400, body: { error: error.message, code: error.code } };
  }
}

/**
 * Asks a service of this host.
 * @param service for the sentence if it does not run: `vlandhcp-hub`.
 * @throws PluginError with what the service says.
 */
export async function askAdmin(
  path: string,
  service: string,
  call: string,
  body: object,
): Promise<unknown> {
  const signal = AbortSignal.timeout(ANSWERED_WITHIN_MS);
  const question = { socketPath: path, method: 'POST', path: `/v1/${call}`, signal };
  const answer = await askJson(question, body, LONGEST_ANSWER).catch((cause: unknown) => {
    throw unreachable(path, service, cause);
  });
  if (answer.status === 200) return answer.body;
  const { error } = (answer.body ?? {}) as { error?: unknown };
  const said = typeof error === 'string' ? error : `${service} answered ${answer.status}`;
  throw new PluginError('INVALID_REQUEST', said);
}

export function unreachable(path: string, service: string, cause: unknown): PluginError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new PluginError(
      'SOCKET_FAILED',
      `${service} does not run: nobody listens on ${path}; start it: systemctl enable --now ${service}`,
    );
  }
  if (code === 'EACCES') {
    return new PluginError('SOCKET_FAILED', `only root may use ${path}; type sudo in front`);
  }
  return new PluginError('SOCKET_FAILED', `${service} gave no answer on ${path}: ${message}`);
}
