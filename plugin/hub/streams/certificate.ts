/**
 * A certificate for the TCP port, made at each start and kept in memory alone. TLS wants one, and
 * nobody checks it: WireGuard inside knows the hub by its key.
 */
import { makeSelfSigned } from '../../uplink/manage/certificates.ts';
import type { WallTime } from '../../vocabulary/time.ts';

/** A clock that is wrong must not make it invalid for a proxy that looks. */
const YEAR_MS = 366 * 86_400_000;
const VALID_YEARS = 30;

export interface TlsIdentity {
  /** Both in PEM. */
  readonly key: string;
  readonly cert: string;
}

/** @param name what the certificate calls the hub: the host that members dial. */
export async function makeCertificate(name: string, now: WallTime): Promise<TlsIdentity> {
  const from = now - YEAR_MS;
  const until = now + VALID_YEARS * YEAR_MS;
  const { privateKey: key, certificate: cert } = await makeSelfSigned(name, { from, until });
  return { key, cert };
}
