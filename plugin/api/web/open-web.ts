/** Opens the TCP port for operators if the settings ask for it and may. */
import { readFile } from 'node:fs/promises';
import { messageOf, PluginError } from '../../vocabulary/errors.ts';
import type { AdminDeps } from '../operator/admin-server.ts';
import { serveWeb, type WebServer } from './web-server.ts';

export interface WebSettings {
  /** `ADDRESS:PORT`. Undefined: no port. */
  readonly listen: string | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
}

/** Never fails: without this port the plugin serves Docker all the same. */
export async function openWeb(
  { listen, token, tokenFile }: WebSettings,
  deps: AdminDeps,
): Promise<WebServer | undefined> {
  if (listen === undefined) return undefined;
  const { log } = deps;
  try {
    const server = await serveWeb(listen, token || (await tokenIn(tokenFile)), deps);
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
