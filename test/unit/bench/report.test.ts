import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { report } from '../../../bench/figures/report.ts';
import type { Row } from '../../../bench/figures/result.ts';

let folder: string;
let printed: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-'));
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  rmSync(folder, { recursive: true });
});

/** The files that a part's machine leaves. */
function leave(part: string, status: string | undefined, rows?: readonly Partial<Row>[]): void {
  mkdirSync(join(folder, part));
  if (status !== undefined) writeFileSync(join(folder, part, 'exit-status'), `${status}\n`);
  const result = { part, where: 'here', method: 'so', rows, ratios: [], facts: [] };
  if (rows !== undefined) writeFileSync(join(folder, part, 'part.json'), JSON.stringify(result));
}
const make = (...parts: string[]) => {
  report(folder, join(folder, 'results.json'), parts);
  return printed.trim().split('\n');
};
const measured: Partial<Row> = {
  ...{ name: 'bridge', unit: 'ms', samples: [3] },
  summary: { n: 1, median: 3, p10: 3, p90: 3 },
};
const lacking: Partial<Row> = { name: 'no', unit: 'ms', samples: [], unavailable: 'not here' };
const broken: Partial<Row> = { name: 'script', unit: 'ms', samples: [], failed: 'no lease' };

it('ends well if all was measured, or could not be had', () => {
  leave('attach', '0', [measured, lacking]);
  const lines = make('attach');
  expect(lines).toContainEqual(expect.stringMatching(/^no +not available +not here$/));
  expect(lines.at(-1)).toMatch(/^raw samples: /);
  expect(process.exitCode).toBeUndefined();
});

it('shows what a failed row lacks, keeps the others, and ends with exit status 1', () => {
  leave('attach', '0', [measured, broken]);
  const lines = make('attach');
  expect(lines).toContainEqual(expect.stringMatching(/^bridge +3 ms/));
  expect(lines).toContainEqual(expect.stringMatching(/^script +FAILED +no lease$/));
  expect(lines.at(-1)).toBe('attach: FAILED: script: no lease');
  expect(process.exitCode).toBe(1);
});

it.each([
  ['1', 'exit status 1'],
  ['124', 'exit status 124'],
  [undefined, 'its machine ended before it did'],
])('a part with figures that ended with %s is not taken for whole', (status, words) => {
  leave('data', status, [measured]);
  const lines = make('data');
  expect(lines).toContainEqual(expect.stringMatching(/^bridge +3 ms/));
  expect(lines.at(-1)).toBe(`data: FAILED (${words}), see ${join(folder, 'data/output')}`);
  expect(process.exitCode).toBe(1);
});

it('a part that left nothing is said to be missing', () => {
  leave('scale', '0');
  expect(make('scale').at(-1)).toBe('scale: FAILED, it left no figures');
  expect(process.exitCode).toBe(1);
});
