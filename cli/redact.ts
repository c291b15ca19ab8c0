/**
 * Replaces names, addresses, MACs, identifiers and ids by stand-ins. Each one has the same stand-in
 * everywhere, so that what is left can still be read.
 */

/** A text that has the form of one of these is replaced wherever it is. */
const IN_TEXT = [
  // Of DHCP clients: longer than a MAC, and a MAC may be their end.
  { kind: 'client', form: /\b[0-9a-f]{2}(?::[0-9a-f]{2}){6,}\b/gi },
  { kind: 'mac', form: /\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/gi },
  { kind: 'ip', form: /\b\d{1,3}(?:\.\d{1,3}){3}\b/g },
  { kind: 'ip6', form: /(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])/gi },
  { kind: 'id', form: /\b[0-9a-f]{64}\b/g },
  { kind: 'id', form: /\b(?!\d{12}\b)[0-9a-f]{12}\b/g },
] as const;

/** Values under these keys are words of people. Octets in hex can be such words, too. */
const NAMES: Readonly<Record<string, string>> = {
  ...{ name: 'name', hostName: 'name', networkName: 'name', container: 'name', service: 'name' },
  ...{ domainName: 'name', domainSearch: 'name', text: 'name', clientId: 'client', duid: 'client' },
};
/** Values under these keys have the form of an address, and are none. */
const PLAIN = new Set(['madeAt', 'at', 'startedAt', 'version', 'node', 'kernel', 'engine']);
/** Sentences: the names of containers and networks can be in them. */
const SENTENCES = new Set(['error', 'message', 'fields']);

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** @returns the same, with a stand-in for each name, address and id. */
export function redacted(value: unknown): unknown {
  const standIns = new StandIns();
  const known = namesIn(value);
  const names = known.length === 0 ? undefined : wordsOf(known);
  const inText = (text: string): string => {
    if (TIME.test(text)) return text;
    return IN_TEXT.reduce(
      (rest, { kind, form }) => rest.replace(form, (found) => standIns.of(kind, found)),
      text,
    );
  };
  const inSentence = (text: string): string =>
    inText(names === undefined ? text : text.replace(names, (found) => standIns.of('name', found)));
  const walk = (part: unknown, key: string, isSentence: boolean): unknown => {
    if (typeof part === 'string') {
      const kind = Object.hasOwn(NAMES, key) ? NAMES[key] : undefined;
      if (kind !== undefined) return standIns.of(kind, part);
      return isSentence ? inSentence(part) : inText(part);
    }
    if (Array.isArray(part)) return part.map((one) => walk(one, key, isSentence));
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).map(([name, one]) => [
        name,
        PLAIN.has(name) ? one : walk(one, name, isSentence || SENTENCES.has(name)),
      ]),
    );
  };
  return walk(value, '', false);
}

class StandIns {
  readonly #standIns = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  of(kind: string, text: string): string {
    // An id is also written by its first 12 characters.
    const key = kind === 'id' ? text.slice(0, 12) : text.toLowerCase();
    const known = this.#standIns.get(key);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    this.#standIns.set(key, `${kind}-${count}`);
    return `${kind}-${count}`;
  }
}

function namesIn(value: unknown, key = ''): string[] {
  if (typeof value === 'string') return Object.hasOwn(NAMES, key) && value !== '' ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((one) => namesIn(one, key));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => namesIn(one, name));
}

/** Finds these words, the longest first, and not as parts of other words. */
function wordsOf(names: readonly string[]): RegExp {
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const sorted = [...new Set(names)].toSorted((one, other) => other.length - one.length);
  return new RegExp(`(?<![\\w-])(?:${sorted.map(literal).join('|')})(?![\\w-])`, 'gi');
}
