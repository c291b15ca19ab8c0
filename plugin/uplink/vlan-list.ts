/** Lists of VLANs as people type them and as the alias of `uplink0` has them: `500,600-610`. */

const LAST_VLAN = 4094;

/** Returns the VLANs sorted and unique. Undefined if the text is no list of VLANs 1 to 4094. */
export function parseVlans(text: string): readonly number[] | undefined {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [, first, last = first] = /^ *(\d{1,4})(?:-(\d{1,4}))? *$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from < 1 || from > to || to > LAST_VLAN) return undefined;
    for (let vlan = from; vlan <= to; vlan += 1) found.add(vlan);
  }
  return [...found].sort((a, b) => a - b);
}

/** @param vlans sorted and unique. */
export function formatVlans(vlans: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const vlan of vlans) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === vlan - 1) run[1] = vlan;
    else runs.push([vlan, vlan]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
