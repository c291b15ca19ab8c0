/** The schemas of values that tokens, messages and state files of the uplink have in common. */
import * as v from 'valibot';
import { parseIpv4 } from '../../wire/address.ts';
import { SMALLEST_PATH, TUNNEL_MTU } from '../desired.ts';
import { parseKey, type WgKey } from '../wireguard-key.ts';

export const key = v.custom<WgKey>(
  (value) => typeof value === 'string' && parseKey(value) !== undefined,
  'a key of WireGuard',
);

export const tunnelAddress = v.custom<string>(
  (value) => typeof value === 'string' && parseIpv4(value) === value,
  'an IPv4 address',
);

/** Names of sites and members become part of aliases, file names and link names. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;
export const NAME_RULE = '1 to 32 of a-z, 0-9 and -, with no - at its ends';

export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

export const siteName = v.custom<string>(isName, 'a name');

/** `HOST:PORT`; an IPv6 address is in brackets. */
export const endpointText = v.custom<string>(
  (value) => typeof value === 'string' && parseEndpoint(value) !== undefined,
  'HOST:PORT',
);

export function parseEndpoint(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)):(\d{1,5})$/.exec(
      text,
    ) ?? [];
  const number = Number(port);
  if (port === undefined || number < 1 || number > 65_535) return undefined;
  return { host: bracketed ?? plain ?? '', port: number };
}

/** What members dial over TLS: `wss://hub.example.net/`. */
export const tlsUrl = v.custom<string>(
  (value) => typeof value === 'string' && isTlsUrl(value),
  'a URL with wss://',
);

export function isTlsUrl(text: string): boolean {
  if (text.length > 256 || !/^wss:\/\/[\x21-\x7e]+$/.test(text) || !URL.canParse(text))
    return false;
  const { username, password, hash } = new URL(text);
  return username === '' && password === '' && hash === '';
}

export const vlans = v.pipe(
  v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4094))),
  v.maxLength(4094),
  v.check(
    (list) => list.every((vlan, at) => at === 0 || vlan > (list[at - 1] ?? 0)),
    'VLANs in order, each once',
  ),
);

export const mtu = v.pipe(v.number(), v.integer(), v.minValue(576), v.maxValue(65_535));

export function isMtu(value: number): boolean {
  return v.is(mtu, value);
}

/** Of a packet in the tunnel. Every host of IPv4 takes 576 bytes with the headers around it. */
export const pathMtu = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(SMALLEST_PATH),
  v.maxValue(TUNNEL_MTU),
);

export const vni = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 24 - 1));
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
