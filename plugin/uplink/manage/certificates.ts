/**
 * Certificates of the management, loaded at their first use: the package costs each command 50 ms
 * of processor time, and most hosts are not managed.
 */
import type * as x509 from './x509.ts';

const load = (): Promise<typeof x509> => import('./x509.ts');

export const makeAuthority: typeof x509.makeAuthority = async (...words) =>
  (await load()).makeAuthority(...words);

export const makeSelfSigned: typeof x509.makeSelfSigned = async (...words) =>
  (await load()).makeSelfSigned(...words);

export const makeRequest: typeof x509.makeRequest = async () => (await load()).makeRequest();

export const publicKeyOfRequest: typeof x509.publicKeyOfRequest = async (...words) =>
  (await load()).publicKeyOfRequest(...words);

export const sign: typeof x509.sign = async (...words) => (await load()).sign(...words);

export const makeClient: typeof x509.makeClient = async (...words) =>
  (await load()).makeClient(...words);
