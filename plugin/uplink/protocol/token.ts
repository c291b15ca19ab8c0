/**
 * The one-time token of an invitation: `vuj1.PAYLOAD.CHECK`. The payload is base64url of JSON. The
 * check is the start of its SHA-256, so that a cut or mistyped token is told from a wrong one.
 *
 * Deviation: docs of the design have no CHECK. A mistyped character in a key is else noticed only
 * as a hub that does not answer.
 */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { PluginError } from '../../vocabulary/errors.ts';
import type { WallTime } from '../../vocabulary/time.ts';
import { endpointText, key, siteName, tlsUrl, tunnelAddress } from './value-schemas.ts';
import type { WgKey } from '../wireguard-key.ts';

const VERSION = 1;
const CHECK_LENGTH = 8;
/** A token with eight endpoints has 600 characters. */
const LONGEST = 4_096;

export interface Token {
  /** `hub.example.net:51820`, in the order in which to try them. */
  readonly endpoints: readonly string[];
  /** What to dial where UDP is blocked. Undefined if the hub listens on UDP alone. */
  readonly tlsUrl: string | undefined;
  readonly hubKey: WgKey;
  /** The one-time private key. The hub does not keep it. */
  readonly secret: WgKey;
  /** The one-time address in the tunnel. */
  readonly address: string;
  readonly hubAddress: string;
  readonly site: string;
  readonly expiresAt: WallTime;
}

const payload = v.strictObject({
  e: v.pipe(v.array(endpointText), v.minLength(1), v.maxLength(8)),
  w: v.optional(tlsUrl),
  k: key,
  s: key,
  a: tunnelAddress,
  h: tunnelAddress,
  n: siteName,
  x: v.pipe(v.number(), v.integer(), v.minValue(0)),
});

export function formatToken(token: Token): string {
  const { endpoints, tlsUrl: url, hubKey, secret, address, hubAddress, site, expiresAt } = token;
  const fields: v.InferOutput<typeof payload> = {
    ...(url === undefined ? {} : { w: url }),
    ...{ e: [...endpoints], k: hubKey, s: secret, a: address, h: hubAddress, n: site },
    x: Math.floor(expiresAt / 1000),
  };
  const text = Buffer.from(JSON.stringify(fields)).toString('base64url');
  return `vuj${VERSION}.${text}.${checkOf(text)}`;
}

/**
 * @param typed as a person pasted it. Blanks around it do no harm.
 * @throws PluginError TOKEN_INVALID with one sentence.
 */
export function parseToken(typed: string, now: WallTime): Token {
  const text = typed.trim();
  if (text === '') throw invalid('no token was given; paste the line that begins with vuj1.');
  if (/\s/.test(text)) {
    throw invalid(
      'the token has blanks or line breaks in it; copy it again, as one line without blanks',
    );
  }
  const [, version, rest = ''] = /^vuj(\d{1,6})(?:\.(.*))?$/.exec(text) ?? [];
  if (version === undefined) {
    throw invalid(
      `${JSON.stringify(text.slice(0, 8))}… is no token; a token begins with vuj${VERSION}.`,
    );
  }
  if (Number(version) !== VERSION) {
    throw invalid(
      `the token is of version ${version}, and this vlandhcp reads version ${VERSION}; install the version of vlandhcp that the hub has`,
    );
  }
  const [, body, check = ''] = /^([\w-]+)\.([\w-]+)$/.exec(rest) ?? [];
  if (body === undefined || check.length < CHECK_LENGTH || text.length > LONGEST) {
    throw invalid(
      `the token is cut: it ends after ${text.length} characters; copy the whole line again`,
    );
  }
  if (check !== checkOf(body)) {
    throw invalid('a character of the token is wrong or missing; copy the whole line again');
  }
  const token = decoded(body);
  if (token.expiresAt <= now) {
    throw invalid(
      `the token expired at ${iso(token.expiresAt)}, and the clock of this host says ${iso(now)}; ask for a new one at the hub: vlandhcp hub invite NAME, or set the clock`,
    );
  }
  return token;
}

/** Names a token without telling it: it stays the same when the token is pasted again. */
export function tokenId({ secret }: Token): string {
  return createHash('sha256').update(secret, 'base64').digest('hex').slice(0, 16);
}

/** @throws PluginError TOKEN_INVALID. A token with a right check is of a hub that made it so. */
function decoded(body: string): Token {
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  } catch {
    fields = undefined;
  }
  const read = v.safeParse(payload, fields);
  if (!read.success) {
    const path = v.getDotPath(read.issues[0]) ?? 'its content';
    throw invalid(`the token makes no sense (${path}); ask for a new one at the hub`);
  }
  const { e, w, k, s, a, h, n, x } = read.output;
  return {
    ...{ endpoints: e, tlsUrl: w, hubKey: k, secret: s, address: a, hubAddress: h, site: n },
    expiresAt: x * 1000,
  };
}

function checkOf(body: string): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, CHECK_LENGTH);
}

function invalid(message: string): PluginError {
  return new PluginError('TOKEN_INVALID', message);
}

function iso(at: WallTime): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
