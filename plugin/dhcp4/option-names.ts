/** Names of options, for messages. */

const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'subnet mask'],
  [3, 'routers'],
  [6, 'DNS servers'],
  [15, 'domain name'],
  [26, 'MTU'],
  [33, 'static routes'],
  [51, 'lease time'],
  [52, 'overload'],
  [54, 'server identifier'],
  [58, 'renewal time'],
  [59, 'rebinding time'],
  [119, 'domain search list'],
  [121, 'classless routes'],
  [249, "Microsoft's classless routes"],
]);

/** `option 54 (server identifier)` */
export function optionName(code: number): string {
  const name = NAMES.get(code);
  return name === undefined ? `option ${code}` : `option ${code} (${name})`;
}

/** Returns the same value. If an option is there and has no value, it is named in `dropped`. */
export function unlessMalformed<T>(
  options: ReadonlyMap<number, Uint8Array>,
  code: number,
  value: T | undefined,
  dropped: string[],
): T | undefined {
  if (value === undefined && options.has(code)) dropped.push(`${optionName(code)}: malformed`);
  return value;
}

/**
 * The first of a list that a server may make as long as it likes. If there are more, this is named
 * in `dropped`.
 */
export function firstOf<T>(
  code: number,
  list: readonly T[],
  { most, what }: { readonly most: number; readonly what: string },
  dropped: string[],
): readonly T[] {
  if (list.length <= most) return list;
  dropped.push(`${optionName(code)}: ${list.length} ${what}, more than ${most}; the rest`);
  return list.slice(0, most);
}
