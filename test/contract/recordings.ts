/**
 * Reads what real engines sent. It is kept in recorded/: `ipam-*` with our IPAM driver, the others
 * with `null`.
 */
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('recorded/', import.meta.url);

export interface RecordedRequest {
  readonly call: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Recording {
  readonly engine: string;
  readonly recorded: string;
  readonly requests: readonly RecordedRequest[];
}

export function readRecordings(ipam: 'null' | 'ours'): Recording[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json') && name.startsWith('ipam-') === (ipam === 'ours'))
    .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Recording);
}

/** The methods of a driver that can be called. */
export function methodsOf(driver: { readonly prototype: object }): string[] {
  return Object.getOwnPropertyNames(driver.prototype)
    .filter((name) => name !== 'constructor')
    .sort();
}
