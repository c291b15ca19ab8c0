/** Keys of WireGuard: X25519, written as 44 characters of base64, as `wg` prints them. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';

export type WgKey = string & { readonly __wgKey: true };

const BYTES = 32;
/** PKCS #8 around 32 raw bytes of X25519 (RFC 8410 §7). */
const PRIVATE_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Returns a new private key. */
export function generateKey(): WgKey {
  const { privateKey } = generateKeyPairSync('x25519');
  const raw = rawOf(privateKey, 'pkcs8');
  // The same clamping as that of `wg genkey`, so that equal keys have equal texts.
  raw[0] = (raw[0] ?? 0) & 248;
  raw[31] = ((raw[31] ?? 0) & 127) | 64;
  return textOf(raw);
}

export function publicKeyOf(privateKey: WgKey): WgKey {
  const der = Buffer.concat([PRIVATE_HEAD, Buffer.from(privateKey, 'base64')]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return textOf(rawOf(key, 'spki'));
}

/** Returns undefined if the text is no key in exactly the form of `wg`. */
export function parseKey(text: string): WgKey | undefined {
  const raw = Buffer.from(text, 'base64');
  return raw.length === BYTES && textOf(raw) === text ? (text as WgKey) : undefined;
}

/** What people compare at both ends: 16 characters in groups of four. */
export function fingerprintOf(publicKey: WgKey): string {
  const digest = createHash('sha256').update(publicKey, 'base64').digest('hex').slice(0, 16);
  return digest.replace(/(.{4})(?=.)/g, '$1-');
}

function rawOf(key: KeyObject, type: 'pkcs8' | 'spki'): Buffer {
  return Buffer.from(key.export({ type, format: 'der' }).subarray(-BYTES));
}

function textOf(raw: Buffer): WgKey {
  return raw.toString('base64') as WgKey;
}
