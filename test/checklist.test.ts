/**
 * Checks docs/dhcp-checklist.md: each proof names an existing test, or a row of a test's table. A
 * rule without proof says why.
 */
import { expect, it } from 'vitest';
import { isThere, testsNamedIn } from './support/pages/proofs.ts';
import { PAGES } from './support/pages/readme.ts';

const rows = (PAGES.get('docs/dhcp-checklist.md') ?? '')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Rule '))
  .map((line) => {
    const [, rule = '', proof = ''] = line.split(/ ?\| ?/);
    return { rule, proof, tests: testsNamedIn(proof) };
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
    tests.filter((test) => !isThere(test)).map(({ file, title }) => `${rule}: ${file} › ${title}`),
  );
  expect(missing).toEqual([]);
});
