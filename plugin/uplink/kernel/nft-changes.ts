/**
 * What makes one body of a table of nftables the other one, as text for `nft -f` (pure). Only the
 * chains that differ are written anew. The others keep their rules, and what a `limit` has counted.
 * All counters that stay keep their values.
 *
 * A body is a list of objects: `counter NAME {}` in one line, or `chain NAME {`, its rules each in
 * a line, and `}`.
 */
interface NftObject {
  readonly kind: string;
  readonly name: string;
  /** What is between its braces. */
  readonly lines: readonly string[];
}

/** The line that ties a chain to a hook. It cannot be changed. */
const HOOK = /^type .* hook /;

/**
 * @param table its family and name.
 * @returns undefined if the table must be replaced as a whole.
 */
export function changesOf(table: string, before: string, after: string): string | undefined {
  const [old, wanted] = [objectsOf(before), objectsOf(after)];
  const gone = [...old].filter(([key]) => !wanted.has(key)).map(([, one]) => one);
  const others = [...wanted].filter(([key, one]) => !isSame(old.get(key), one));
  const changed = others.map(([, one]) => one);
  const isHard = others.some(([key, one]) => !isEasy(one) || hookOf(old.get(key)) !== hookOf(one));
  if (isHard || gone.some((one) => !isEasy(one) || hookOf(one) !== '')) return undefined;
  const rewritten = others.filter(([key, { kind }]) => kind === 'chain' && old.has(key));
  const flushed = [...rewritten.map(([, one]) => one), ...gone.filter(isChain)];
  return [
    ...flushed.map((one) => `flush chain ${table} ${one.name}`),
    // Before the rules that refer to them.
    ...[...changed]
      .sort(chainsLast)
      .map((one) => `add ${one.kind} ${table} ${one.name}${open(one)}`),
    ...changed
      .filter(isChain)
      .flatMap((one) => rulesOf(one).map((rule) => `add rule ${table} ${one.name} ${rule}`)),
    // Rules refer to them until all chains are flushed.
    ...[...gone].sort(chainsFirst).map((one) => `delete ${one.kind} ${table} ${one.name}`),
    '',
  ].join('\n');
}

function objectsOf(body: string): ReadonlyMap<string, NftObject> {
  const objects = new Map<string, NftObject>();
  let current: { kind: string; name: string; lines: string[] } | undefined;
  for (const line of body.split('\n')) {
    if (current !== undefined && line !== '}') {
      current.lines.push(line);
    } else if (current !== undefined) {
      current = undefined;
    } else if (line !== '') {
      const [, kind = '', name = '', isWhole] = /^(\S+) (\S+) \{(\})?$/.exec(line) ?? ['', line];
      const one = { kind, name, lines: [] };
      objects.set(`${kind} ${name}`, one);
      if (isWhole === undefined) current = one;
    }
  }
  return objects;
}

function isSame(one: NftObject | undefined, other: NftObject): boolean {
  return one !== undefined && one.lines.join('\n') === other.lines.join('\n');
}

/** Objects of other kinds, such as sets, are changed with their table. */
function isEasy({ kind }: NftObject): boolean {
  return kind === 'chain' || kind === 'counter';
}

function isChain({ kind }: NftObject): boolean {
  return kind === 'chain';
}

function hookOf(one: NftObject | undefined): string {
  return one?.lines.find((line) => HOOK.test(line)) ?? '';
}

function open(one: NftObject): string {
  const hook = hookOf(one);
  return hook === '' ? '' : ` { ${hook} }`;
}

function rulesOf({ lines }: NftObject): readonly string[] {
  return lines.filter((line) => !HOOK.test(line));
}

function chainsLast(one: NftObject, other: NftObject): number {
  return Number(isChain(one)) - Number(isChain(other));
}

function chainsFirst(one: NftObject, other: NftObject): number {
  return chainsLast(other, one);
}
