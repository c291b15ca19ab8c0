/**
 * docs/dhcp-checklist.md: each proof names a test that exists, or a row of a test's table, and what has none
 * says why.
 */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const rows = read('../docs/dhcp-checklist.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Rule '))
  .map((line) => {
    const [, rule = '', proof = ''] = line.split(/ ?\| ?/);
    const named = [...proof.matchAll(/`([\w/.-]+) › ([^`]+)`/g)];
    return { rule, proof, tests: named.map(([, file = '', title = '']) => ({ file, title })) };
  });

it('has a line for every rule of the checklist', () => {
  expect(rows.length).toBeGreaterThan(60);
});

it.each(rows)('$rule', ({ proof, tests }) => {
  if (tests.length === 0) expect(proof).toMatch(/^\*\*deviation\*\*.*\w{4}/);
  for (const { file, title } of tests) {
    expect(existsSync(new URL(file, import.meta.url)), `${file} exists`).toBe(true);
    expect(read(file).replaceAll("\\'", "'"), `${file} has the title`).toContain(title);
  }
});
