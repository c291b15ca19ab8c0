/**
 * Checks the table in test/README.md that says which test runs the commands of a page: every
 * command has a row, every test is there, and a row without a test says why.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsOf } from '../support/pages/page-commands.ts';
import { isThere, testsNamedIn } from '../support/pages/proofs.ts';
import { root } from '../support/pages/readme.ts';

const [, section = ''] = readFileSync(join(root, 'test/README.md'), 'utf8').split(
  '## Which test runs the commands of a page',
);
const [ours = ''] = section.split('\n## ');
const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
const ROWS = ours
  .split('\n')
  .filter((line) => /^\| `/.test(line))
  .map((line) => {
    const [pages = '', commands = '', proof = ''] = line.slice(2, -2).split(' | ');
    return { pages: quoted(pages), starts: quoted(commands), proof };
  });
const PAGES_IN_TABLE = [...new Set(ROWS.flatMap(({ pages }) => pages))];

it('the pages that a new user types from are in the table', () => {
  const first = ['README.md', 'docs/install.md', 'docs/operations.md', 'docs/addressing-modes.md'];
  expect(PAGES_IN_TABLE).toEqual(expect.arrayContaining(first));
});

describe('each command has a test', () => {
  it.each(PAGES_IN_TABLE)('%s', (page) => {
    const starts = ROWS.filter(({ pages }) => pages.includes(page)).flatMap((row) => row.starts);
    const commands = commandsOf(page);
    expect(commands.length).toBeGreaterThan(0);
    const without = commands.filter(
      (command) => !starts.some((start) => `${command} `.startsWith(`${start} `)),
    );
    expect(without).toEqual([]);
  });
});

it('each row of a test is of a command that is on its page', () => {
  const idle = ROWS.filter(({ proof }) => !proof.startsWith('**no test**')).flatMap((row) =>
    row.pages.flatMap((page) =>
      row.starts.filter((start) => !commandsOf(page).some((line) => line.startsWith(start))),
    ),
  );
  expect(idle).toEqual([]);
});

it('each test is there, and a row without one says why', () => {
  const named = ROWS.flatMap(({ proof }) => testsNamedIn(proof));
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((test) => !isThere(test))).toEqual([]);
  const bare = ROWS.filter(
    ({ proof }) => testsNamedIn(proof).length === 0 && !/^\*\*no test\*\*: .*\w{4}/.test(proof),
  );
  expect(bare).toEqual([]);
});
