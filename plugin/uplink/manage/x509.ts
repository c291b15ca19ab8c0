/**
 * Certificates of the uplink: keys of EC P-256, requests, and what an authority signs. All texts
 * are PEM. This is the only file that knows the package.
 */
// The package needs it before itself: its parts find each other by metadata.
import 'reflect-metadata';
import { isIP } from 'node:net';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { WallTime } from '../../vocabulary/time.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const SERVER = '1.3.6.1.5.5.7.3.1';
const CLIENT = '1.3.6.1.5.5.7.3.2';

/** Private key and certificate. */
export interface Identity {
  readonly privateKey: string;
  readonly certificate: string;
}

export interface Validity {
  readonly from: WallTime;
  readonly until: WallTime;
}

export interface CertificateWanted extends Validity {
  readonly subject: string;
  /** DER of the public key, as `publicKeyOfRequest` returns it. */
  readonly publicKey: Uint8Array;
  readonly use: 'server' | 'client';
  /** Names and addresses of a host, and URIs. */
  readonly names: readonly string[];
}

/** A key that signs for ten years is made once, so it signs only end certificates. */
export async function makeAuthority(subject: string, { from, until }: Validity): Promise<Identity> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: nameOf(subject), notBefore: new Date(from), notAfter: new Date(until) },
    ...{ keys, signingAlgorithm: ALGORITHM },
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { privateKey: await privateText(keys.privateKey), certificate: pemOf(certificate) };
}

/** For a TLS port that nobody checks. It signs nothing else. */
export async function makeSelfSigned(name: string, { from, until }: Validity): Promise<Identity> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: nameOf(name), notBefore: new Date(from), notAfter: new Date(until) },
    ...{ keys, signingAlgorithm: ALGORITHM },
  });
  return { privateKey: await privateText(keys.privateKey), certificate: pemOf(certificate) };
}

/** A new key, and a request for its certificate. The request names nobody: the hub decides. */
export async function makeRequest(): Promise<{
  readonly privateKey: string;
  readonly request: string;
}> {
  const keys = await makeKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    ...{ name: nameOf('member'), keys, signingAlgorithm: ALGORITHM },
  });
  return { privateKey: await privateText(keys.privateKey), request: pemOf(request) };
}

/**
 * The public key of a request, as DER. Undefined if it is no request, if who sent it does not have
 * the key, or if the key is not of EC P-256.
 */
export async function publicKeyOfRequest(pem: string): Promise<Uint8Array | undefined> {
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    const { namedCurve } = request.publicKey.algorithm as { namedCurve?: string };
    if (namedCurve !== ALGORITHM.namedCurve || !(await request.verify())) return undefined;
    return new Uint8Array(request.publicKey.rawData);
  } catch {
    return undefined; // the package throws for whatever it cannot read
  }
}

export async function sign(authority: Identity, wanted: CertificateWanted): Promise<string> {
  const { subject, publicKey, use, names, from, until } = wanted;
  const issuer = new x509.X509Certificate(authority.certificate);
  const subjectKey = new x509.PublicKey(publicKey);
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ subject: nameOf(subject), issuer: issuer.subjectName, publicKey: subjectKey },
    ...{ notBefore: new Date(from), notAfter: new Date(until) },
    signingKey: await signingKey(authority.privateKey),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([use === 'server' ? SERVER : CLIENT], true),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: kindOf(value), value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(subjectKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return pemOf(certificate);
}

/** A key with its certificate, for a client. */
export async function makeClient(
  authority: Identity,
  wanted: Omit<CertificateWanted, 'publicKey' | 'use'>,
): Promise<Identity> {
  const keys = await makeKeys();
  const publicKey = new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  const certificate = await sign(authority, { ...wanted, publicKey, use: 'client' });
  return { privateKey: await privateText(keys.privateKey), certificate };
}

function kindOf(value: string): 'ip' | 'url' | 'dns' {
  if (isIP(value) !== 0) return 'ip';
  return value.includes('://') ? 'url' : 'dns';
}

/** As data, so that no character of it has a meaning. */
function nameOf(subject: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: subject }] }]);
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function privateText(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}

function pemOf(data: x509.PemData<unknown>): string {
  return `${data.toString('pem')}\n`;
}

function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = x509.PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
