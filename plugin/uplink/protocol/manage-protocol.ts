/** What a managed member and the registrar say to each other about certificates (U11). */
import * as v from 'valibot';

/** TCP, on the member's address in the tunnel. Docker's own port for TLS. */
export const MANAGE_PORT = 2_376;

/** PEM of EC P-256: a request has some 400 bytes, a certificate some 900. */
const pem = v.pipe(v.string(), v.maxLength(3_000), v.startsWith('-----BEGIN '));

/** The body of `PUT /v1/self/request`. */
export const certificateRequest = v.object({ request: pem });

/** Its answer. */
export const signedCertificate = v.object({
  certificate: pem,
  authority: pem,
  /** The clock of the hub, by which the certificate begins and ends. */
  now: v.pipe(v.number(), v.integer()),
});
export type SignedCertificate = v.InferOutput<typeof signedCertificate>;

/** The URI in the certificates of clients that may manage a member now. */
export const clientName = v.pipe(v.string(), v.maxLength(200), v.startsWith('vlandhcp://'));
