/**
 * Where the TCP port listens, and whether it may: beyond loopback every host of the network can
 * ask, so an address there needs a token.
 */
import { isIP, isIPv4 } from 'node:net';
import { PluginError } from '../../vocabulary/errors.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly isLoopback: boolean;
}

const SHORTEST_TOKEN = 16;

/**
 * @param text the setting HTTP_LISTEN: `127.0.0.1:9325`, `[::1]:9325` or `localhost:9325`.
 * @throws PluginError INVALID_OPTION.
 */
export function parseListen(text: string): ListenAddress {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const named = plain === 'localhost' ? '127.0.0.1' : (bracketed ?? plain ?? '');
  const port = Number(digits);
  const isAddress = bracketed === undefined ? isIPv4(named) : isIP(named) === 6;
  if (!isAddress || port < 1 || port > 65535) {
    throw new PluginError(
      'INVALID_OPTION',
      `HTTP_LISTEN=${text.slice(0, 100)} is not ADDRESS:PORT, such as 127.0.0.1:9325 or [::1]:9325`,
    );
  }
  return { host: named, port, isLoopback: named === '::1' || named.startsWith('127.') };
}

/** @throws PluginError INVALID_OPTION. Its text does not have the token. */
export function checkToken({ isLoopback, host }: ListenAddress, token: string | undefined): void {
  if (token === undefined) {
    if (isLoopback) return;
    throw new PluginError(
      'INVALID_OPTION',
      `HTTP_LISTEN with ${host} needs a token of ${SHORTEST_TOKEN} characters or more in HTTP_TOKEN or HTTP_TOKEN_FILE, because other hosts can reach that address`,
    );
  }
  if (!/^[\x21-\x7e]*$/.test(token)) {
    throw new PluginError('INVALID_OPTION', 'the HTTP token has characters other than ASCII ones');
  }
  if (token.length < SHORTEST_TOKEN) {
    throw new PluginError(
      'INVALID_OPTION',
      `the HTTP token has ${token.length} characters; it needs ${SHORTEST_TOKEN} or more: openssl rand -hex 16`,
    );
  }
}
