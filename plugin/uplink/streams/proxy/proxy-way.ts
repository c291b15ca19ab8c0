/**
 * The HTTP proxy through which a member reaches TCP 443: typed after `--proxy`, or named by the
 * environment of the service (HTTPS_PROXY, NO_PROXY). It touches nothing.
 */
import { BlockList, isIP } from 'node:net';
import { PluginError } from '../../../vocabulary/errors.ts';

export interface Proxy {
  /** True if the proxy itself is spoken to over TLS. */
  readonly isTls: boolean;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** `USER:PASSWORD`. It is never shown. */
  readonly credentials: string | undefined;
}

/**
 * The proxy for a URL. Undefined: the way is direct.
 * @param typed what a person typed after `--proxy`. It counts more than the environment.
 */
export type ChooseProxy = (url: string, typed: string | undefined) => Proxy | undefined;

const LONGEST = 512;
const EXAMPLE = 'write it as http://proxy.example.net:3128, or as http://USER:PASSWORD@HOST:PORT';

/** Undefined if it is no HTTP proxy. Without a scheme it is one of `http://`, as for curl. */
export function parseProxy(typed: string): Proxy | undefined {
  const text = /^[a-z0-9]+:\/\//i.test(typed) ? typed : `http://${typed}`;
  if (typed === '' || text.length > LONGEST || !/^[\x21-\x7e]+$/.test(text)) return undefined;
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, pathname, search, hash, username, password } = new URL(text);
  const isTls = protocol === 'https:';
  if ((!isTls && protocol !== 'http:') || hostname === '') return undefined;
  if (pathname !== '/' || search !== '' || hash !== '' || port === '0') return undefined;
  const [user, secret] = [decoded(username), decoded(password)];
  if (user === undefined || secret === undefined) return undefined;
  return {
    ...{ isTls, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (isTls ? 443 : 80) },
    credentials: user === '' && secret === '' ? undefined : `${user}:${secret}`,
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function isProxy(typed: string): boolean {
  return parseProxy(typed) !== undefined;
}

/** @throws PluginError INVALID_OPTION with one sentence. It does not show a password. */
export function checkProxy(typed: string): void {
  if (isProxy(typed)) return;
  throw new PluginError(
    'INVALID_OPTION',
    `--proxy ${withoutPassword(typed)} is no HTTP proxy; ${EXAMPLE}`,
  );
}

/** The scheme may be missing, as in what may be typed. */
function withoutPassword(typed: string): string {
  return typed.replace(/^([a-z0-9]+:\/\/)?.*@/is, '$1…@').slice(0, 100);
}

/** `HOST:PORT`; an IPv6 address is in brackets. */
export function proxyWords({ host, port }: Pick<Proxy, 'host' | 'port'>): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/**
 * Small letters count more than large ones, as for curl.
 * @param environment of the service.
 * @param wrong told at once if the environment names what is no HTTP proxy. It is not used then.
 */
export function proxyChooser(
  environment: Readonly<Record<string, string | undefined>>,
  wrong: (text: string) => void,
): ChooseProxy {
  const named = environment['https_proxy'] ?? environment['HTTPS_PROXY'] ?? '';
  const direct = environment['no_proxy'] ?? environment['NO_PROXY'] ?? '';
  const general = parseProxy(named);
  if (named !== '' && general === undefined) {
    wrong(`HTTPS_PROXY ${withoutPassword(named)} is no HTTP proxy; ${EXAMPLE}`);
  }
  return (url, typed) => {
    if (typed !== undefined) return parseProxy(typed);
    return isDirect(new URL(url), direct) ? undefined : general;
  };
}

/**
 * True if NO_PROXY names that host: itself, a domain above it, its address, a subnet of its
 * address, or `*`. A port behind a name counts, too.
 */
function isDirect({ hostname, port: typed }: URL, list: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  const port = typed || '443';
  return list
    .split(/[\s,]+/)
    .filter((one) => one !== '')
    .some((one) => {
      if (one === '*' || isInSubnet(host, one)) return true;
      const [, bracketed, plain = '', onlyPort] =
        /^(?:\[([0-9a-f:.]+)\]|(.*?))(?::(\d+))?$/i.exec(one) ?? [];
      if (isIP(one) !== 0) return isInSubnet(host, alone(one));
      const name = (bracketed ?? plain).toLowerCase().replace(/^\*?\./, '');
      if (name === '' || (onlyPort !== undefined && onlyPort !== port)) return false;
      if (isIP(host) !== 0) return isInSubnet(host, alone(name));
      return host === name || host.endsWith(`.${name}`);
    });
}

/** An address as a subnet. So each spelling of an address of IPv6 is the same one. */
function alone(address: string): string {
  return `${address}/${isIP(address) === 6 ? 128 : 32}`;
}

function isInSubnet(host: string, one: string): boolean {
  const [, network = '', length] = /^([0-9a-f:.]+)\/(\d{1,3})$/i.exec(one) ?? [];
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || Number(length) > (family === 4 ? 32 : 128)) {
    return false;
  }
  const name = family === 4 ? 'ipv4' : 'ipv6';
  const subnet = new BlockList();
  subnet.addSubnet(network, Number(length), name);
  return subnet.check(host, name);
}
