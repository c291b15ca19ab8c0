/**
 * Reads what real engines sent. It is kept in recorded/: `ipam-*` with our IPAM driver, `ipv6-*`
 * with subnets of IPv6 as well, the others with `null`.
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

export function readRecordings(ipam: 'null' | 'ours' | 'ours with IPv6'): Recording[] {
  const kinds = { null: '', ours: 'ipam-', 'ours with IPv6': 'ipv6-' };
  const kindOf = (name: string) => /^[a-z]+\d?-/.exec(name)?.[0] ?? '';
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json') && kindOf(name) === kinds[ipam])
    .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Recording);
}

/** The methods of a driver that can be called. */
export function methodsOf(driver: { readonly prototype: object }): string[] {
  return Object.getOwnPropertyNames(driver.prototype)
    .filter((name) => name !== 'constructor')
    .sort();
}
