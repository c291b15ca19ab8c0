/**
 * A certificate for the TCP port, made at each start and kept in memory alone. TLS wants one, and
 * nobody checks it: WireGuard inside knows the hub by its key.
 */
import { webcrypto } from 'node:crypto';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** A clock that is wrong must not make it invalid for a proxy that looks. */
const YEAR_MS = 366 * 86_400_000;
const VALID_YEARS = 30;

export interface TlsIdentity {
  /** Both in PEM. */
  readonly key: string;
  readonly cert: string;
}

/** @param name what the certificate calls the hub: the host that members dial. */
export async function makeCertificate(name: string, now: number): Promise<TlsIdentity> {
  // Loaded here: no other command than the hub's service needs them, and they take their time.
  await import('reflect-metadata');
  const { X509CertificateGenerator } = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [name] }],
      notBefore: new Date(now - YEAR_MS),
      notAfter: new Date(now + VALID_YEARS * YEAR_MS),
      ...{ keys, signingAlgorithm: ALGORITHM },
    },
    webcrypto,
  );
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const lines = pkcs8.toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${lines}-----END PRIVATE KEY-----\n`,
    cert: certificate.toString('pem'),
  };
}
