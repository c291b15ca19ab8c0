// Prints the table fault × outcome from the rows that test/support/lab/outcomes.ts has left in the result folders.
// Usage: node outcomes.mjs RESULTS_FOLDER      Prints nothing if there are no rows.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const results = process.argv[2];
const rows = readdirSync(results).flatMap((name) => {
  const path = join(results, name, 'outcomes');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n').filter(Boolean);
  return lines.map((line) => ({ tier: name, ...JSON.parse(line) }));
});
rows.sort((a, b) => a.section.localeCompare(b.section));

const header = ['', 'what was done', 'what was seen', 'mended after', 'leftovers', 'tier'];
const cells = rows.map(({ section, fault, seen, mendMs, leftovers, tier }) => [
  section,
  fault,
  seen ?? '?',
  mendMs === undefined ? '-' : `${Math.round(mendMs)} ms`,
  leftovers === undefined ? '?' : String(leftovers),
  tier,
]);
if (cells.length > 0) {
  const widths = header.map((_, i) =>
    Math.max(...[header, ...cells].map((line) => line[i].length)),
  );
  const format = (line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  console.log([format(header), rule, ...cells.map(format)].join('\n'));
}
