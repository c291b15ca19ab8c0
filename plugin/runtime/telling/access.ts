/**
 * Who may ask over TCP. With a token: who knows it. Without one: programs of this host, but not a
 * page of another site in a browser here, which a name of that site's DNS sent to loopback.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIPv4 } from 'node:net';

const COOKIE = 'vlandhcp';

export type Verdict =
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }
  /** The token was in the URL. It goes out of the URL, and a cookie takes its place. */
  | { readonly kind: 'welcome'; readonly cookie: string; readonly location: string };

export class Access {
  readonly #token: string | undefined;
  /** Made of the token, so that it survives a restart, and that it does not tell the token. */
  readonly #session: string;

  constructor(token: string | undefined) {
    this.#token = token;
    this.#session = createHmac('sha256', token ?? '')
      .update('session')
      .digest('hex');
  }

  judge(target: string, headers: IncomingHttpHeaders): Verdict {
    const token = this.#token;
    if (token === undefined) {
      if (isLoopbackHost(headers.host)) return { kind: 'granted' };
      const host = (headers.host ?? '').slice(0, 100);
      const why = `the request is for the host ${JSON.stringify(host)}; without a token only localhost, 127.0.0.1 and [::1] are served`;
      return { kind: 'refused', status: 421, why };
    }
    const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    if (isSame(bearer, token) || isSame(cookieOf(headers), this.#session)) {
      return { kind: 'granted' };
    }
    const query = new URLSearchParams(target.split('?')[1] ?? '');
    if (isSame(query.get('token') ?? undefined, token)) {
      const cookie = `${COOKIE}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
      return { kind: 'welcome', cookie, location: withoutToken(target, query) };
    }
    const why =
      'this needs the token of the setting HTTP_TOKEN: as the header Authorization: Bearer TOKEN, or in a browser once as /?token=TOKEN';
    return { kind: 'refused', status: 401, why };
  }
}

/** A forwarded port may be another one than ours. So any port will do. */
function isLoopbackHost(host = ''): boolean {
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}

/** Takes the same time for every text. */
function isSame(given: string | undefined, wanted: string): boolean {
  if (given === undefined) return false;
  const hashed = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hashed(given), hashed(wanted));
}

function cookieOf({ cookie = '' }: IncomingHttpHeaders): string | undefined {
  const pairs = cookie.split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([name]) => name === COOKIE)?.[1];
}

/** Only a path of this server: `//elsewhere` would be another host. */
function withoutToken(target: string, query: URLSearchParams): string {
  query.delete('token');
  const path = (target.split('?')[0] ?? '').replace(/^[/\\]+/, '/');
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}
