/** Asks the registrar for a certificate, inside the tunnel. */
import * as v from 'valibot';
import { REGISTRAR_PORT } from '../desired.ts';
import { askJson } from '../json-http.ts';
import type { Way } from '../member/registrar-client.ts';
import { signedCertificate, type SignedCertificate } from '../protocol/manage-protocol.ts';
import { LONGEST_ANSWER, refusal } from '../protocol/registrar-protocol.ts';

/** The hub makes its authority first, and signs. */
const ANSWERED_WITHIN_MS = 10_000;

/** What a managed member needs of the hub. */
export interface CertificateClient {
  /** @throws Error with one sentence. */
  request(way: Way, request: string): Promise<SignedCertificate>;
  /** The member is not managed any more. True if the hub was told. */
  withdraw(way: Way): Promise<boolean>;
}

export const certificateClient: CertificateClient = {
  async request(way, request) {
    const answer = await asked(way, 'PUT', { request });
    const read = v.safeParse(signedCertificate, answer.body);
    if (answer.status === 200 && read.success) return read.output;
    const why = v.safeParse(refusal, answer.body);
    const said = why.success ? why.output.error : `it answered ${answer.status}`;
    throw new Error(`the hub gives no certificate: ${said}`);
  },

  async withdraw(way) {
    const answer = await asked(way, 'DELETE', undefined).catch(() => undefined);
    return answer?.status === 204;
  },
};

function asked({ own, hub }: Way, method: string, body: object | undefined) {
  const to = { host: hub, port: REGISTRAR_PORT, localAddress: own };
  const signal = AbortSignal.timeout(ANSWERED_WITHIN_MS);
  return askJson({ ...to, method, path: '/v1/self/request', signal }, body, LONGEST_ANSWER);
}
