/**
 * Checks docs/dhcp-checklist.md: each proof names an existing test, or a row of a test's table. A
 * rule without proof says why.
 */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const titlesOf = (path: string) =>
  existsSync(new URL(path, import.meta.url)) ? read(path).replaceAll("\\'", "'") : '';
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

it('what a rule has for a proof exists, and what has none says why', () => {
  const unproven = rows.filter(
    ({ proof, tests }) => tests.length === 0 && !/^\*\*deviation\*\*.*\w{4}/.test(proof),
  );
  expect(unproven.map(({ rule }) => rule)).toEqual([]);
  const missing = rows.flatMap(({ rule, tests }) =>
    tests
      .filter(({ file, title }) => !titlesOf(file).includes(title))
      .map(({ file, title }) => `${rule}: ${file} › ${title}`),
  );
  expect(missing).toEqual([]);
});
