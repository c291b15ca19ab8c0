/**
 * A TCP port for operators, which only tells: who may ask, and what holds for each request there.
 * What is told is up to its owner.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../../logger.ts';
import { messageOf, PluginError } from '../../vocabulary/errors.ts';
import { closeServer } from '../unix-socket.ts';
import { Access } from './access.ts';
import { checkToken, parseListen, type ListenAddress } from './listen-address.ts';
import { fail, limitedServer, sendText, type Answerer } from './requests.ts';

const SECURITY_HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

export interface PortSettings {
  /** `ADDRESS:PORT`. Undefined: no port. */
  readonly listen: string | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
}

export interface TellingPort {
  readonly port: number;
  /** Ends all requests. */
  close(): Promise<void>;
}

/**
 * Opens the port if the settings ask for it and may. Never fails: the rest works without it.
 * @param serve opens it at `ADDRESS:PORT` with that token.
 */
export async function openPort(
  { listen, token, tokenFile }: PortSettings,
  log: Logger,
  serve: (listen: string, token: string | undefined) => Promise<TellingPort>,
): Promise<TellingPort | undefined> {
  if (listen === undefined) return undefined;
  try {
    const server = await serve(listen, token || (await tokenIn(tokenFile)));
    log.info({ listen }, 'HTTP port for operators is open');
    return server;
  } catch (err) {
    const why = messageOf(err);
    log.error({ listen }, `no HTTP port for operators: ${why}`);
    return undefined;
  }
}

/** @throws PluginError INVALID_OPTION. A file without a token must not mean that none is needed. */
async function tokenIn(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (token !== '') return token;
  } catch (error) {
    const text = `HTTP_TOKEN_FILE=${file} cannot be read: ${(error as Error).message}`;
    throw new PluginError('INVALID_OPTION', text, { cause: error });
  }
  throw new PluginError('INVALID_OPTION', `HTTP_TOKEN_FILE=${file} is empty; write a token to it`);
}

/**
 * @param setting `ADDRESS:PORT`.
 * @param token undefined or empty: none, which is enough on loopback.
 * @param answer of a GET by somebody who may ask.
 * @throws PluginError INVALID_OPTION or SOCKET_FAILED.
 */
export async function servePort(
  setting: string,
  token: string | undefined,
  log: Logger,
  answer: Answerer,
): Promise<TellingPort> {
  const address = parseListen(setting);
  const known = token === '' ? undefined : token;
  checkToken(address, known);
  const access = new Access(known);
  const sockets = new Set<Socket>();
  const server = limitedServer(
    async (request, response) => {
      if (isLetIn(request, response, access)) await answer(request, response);
    },
    log,
    sockets,
  );
  await listening(server, address, setting);
  server.on('error', (err) => log.warn({ err }, 'HTTP port: connection not accepted'));
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

/** Answers all others. */
function isLetIn(request: IncomingMessage, response: ServerResponse, access: Access): boolean {
  const { method = '', url = '', headers } = request;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  if (method !== 'GET') {
    response.setHeader('Allow', 'GET');
    const why = 'this port only tells; what changes something is on the admin socket';
    fail(response, 405, why);
    return false;
  }
  const verdict = access.judge(url, headers);
  if (verdict.kind === 'refused') {
    if (verdict.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    fail(response, verdict.status, verdict.why);
    return false;
  }
  if (verdict.kind === 'welcome') {
    response.setHeader('Set-Cookie', verdict.cookie);
    response.setHeader('Location', verdict.location);
    sendText(response, 303, 'text/plain', '');
    return false;
  }
  return true;
}
