/**
 * One file for a bug report: what the plugin is, has and did, without names and addresses. Each
 * name and address has the same stand-in everywhere, so that the file can still be read.
 */
import type { AdminClient } from './admin-client.ts';
import type { RunDocker } from './docker.ts';

const MOST_EVENTS = 1_000;

export async function makeReport(
  admin: AdminClient,
  docker: RunDocker,
  facts: { readonly version: string; readonly kernel: string; readonly now: number },
): Promise<object> {
  const events: unknown[] = [];
  const [about, networks, leases, engine] = await Promise.all([
    admin.about(),
    admin.networks(),
    admin.leases(),
    docker('version', '--format', '{{json .Server}}'),
  ]);
  for await (const event of admin.events({})) events.push(event);
  const { version, kernel, now } = facts;
  return redacted({
    ...{ madeAt: new Date(now).toISOString(), commandVersion: version, kernel },
    engine: engine === undefined ? 'no answer' : engineFacts(engine),
    ...{ plugin: about, networks, leases, events: events.slice(-MOST_EVENTS) },
  }) as object;
}

function engineFacts(text: string): unknown {
  const { Version, ApiVersion, Os, Arch } = JSON.parse(text) as Record<string, unknown>;
  return { Version, ApiVersion, Os, Arch };
}

const IN_TEXT = [
  { kind: 'mac', form: /\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/gi },
  { kind: 'ip', form: /\b\d{1,3}(?:\.\d{1,3}){3}\b/g },
  { kind: 'ip6', form: /(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])/gi },
  { kind: 'id', form: /\b[0-9a-f]{64}\b/g },
  { kind: 'id', form: /\b(?!\d{12}\b)[0-9a-f]{12}\b/g },
] as const;

/** Values under these keys are words of people. */
const NAMES = new Set([
  'hostName',
  'domainName',
  'domainSearch',
  'text',
  'networkName',
  'container',
]);
/** Values under these keys have the form of an address, and are none. */
const PLAIN = new Set(['madeAt', 'at', 'startedAt', 'version', 'node', 'kernel', 'engine']);

/** @returns the same, with a stand-in for each name, address and id. */
export function redacted(value: unknown): unknown {
  const standIns = new Map<string, string>();
  const counts = new Map<string, number>();
  const standIn = (kind: string, text: string): string => {
    // An id is also written by its first 12 characters.
    const key = kind === 'id' ? text.slice(0, 12) : text.toLowerCase();
    const known = standIns.get(key);
    if (known !== undefined) return known;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    standIns.set(key, `${kind}-${count}`);
    return `${kind}-${count}`;
  };
  const inText = (text: string): string => {
    if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) return text;
    return IN_TEXT.reduce(
      (rest, { kind, form }) => rest.replace(form, (found) => standIn(kind, found)),
      text,
    );
  };
  const walk = (part: unknown, key: string): unknown => {
    if (typeof part === 'string') return NAMES.has(key) ? standIn('name', part) : inText(part);
    if (Array.isArray(part)) return part.map((one) => walk(one, key));
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).map(([name, one]) => [name, PLAIN.has(name) ? one : walk(one, name)]),
    );
  };
  return walk(value, '');
}
