// Prints the table "uplink acceptance". Its rows are test/support/uplink/acceptance-rows.json. What was seen comes from the
// reports of vitest in the result folders: the test that proves a row has left it there (test/support/uplink/acceptance.ts).
// A row is proven, failed, or missing. A row whose tier was not to run is "not run", which is no failure.
// Usage: node acceptance.mjs RESULTS_FOLDER NAME...     NAME: the runs that were expected. Exit 1 unless all rows are proven.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [results, ...names] = process.argv.slice(2);
const list = new URL('../../test/support/uplink/acceptance-rows.json', import.meta.url);
const rows = JSON.parse(readFileSync(list, 'utf8'));

const proofs = readdirSync(results).flatMap((name) => {
  const path = join(results, name, 'report.json');
  if (!existsSync(path)) return [];
  const { testResults } = JSON.parse(readFileSync(path, 'utf8'));
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.flatMap(({ status, meta }) =>
      (meta?.proves ?? []).map((proof) => ({ ...proof, isProven: status === 'passed' })),
    ),
  );
});
// A tier may be several runs: kernel-1, e2e-28.
const isExpected = (tier) => names.some((name) => name === tier || name.startsWith(`${tier}-`));
const stateOf = ({ key, test }) => {
  const own = proofs.filter((proof) => proof.key === key);
  // One that failed on one engine is not proven by another one.
  const [proof] = [...own.filter(({ isProven }) => !isProven), ...own];
  if (proof !== undefined) return { ...proof, state: proof.isProven ? 'proven' : 'FAILED' };
  const isMissing = isExpected(test.split('/')[0]);
  return { seen: '-', figure: '-', state: isMissing ? 'MISSING' : 'not run' };
};

const states = rows.map((row) => ({ ...row, ...stateOf(row) }));
const header = ['uplink acceptance', '', 'what was seen', 'figure', 'goal', '', 'test'];
const cells = states.map(({ part, says, seen, figure, goal, state, test }) => {
  return [part, says, seen, figure, goal, state, test];
});
const widths = header.map((_, i) => Math.max(...[header, ...cells].map((line) => line[i].length)));
const format = (line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
const count = (state) => states.filter((row) => row.state === state).length;
const bad = count('FAILED') + count('MISSING');
if (states.some(({ state }) => state !== 'not run')) {
  console.log([format(header), rule, ...cells.map(format)].join('\n'));
  console.log(
    `uplink acceptance: ${count('proven')} of ${rows.length} rows proven, ${bad} failed or missing, ${count('not run')} not run`,
  );
}
process.exitCode = bad === 0 ? 0 : 1;
