/**
 * Tests the documents: README is short, every page can be reached from it, and every link has a
 * target.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGES, root, table, withoutCode } from '../support/pages/readme.ts';

const README = PAGES.get('README.md') ?? '';
const DOCUMENTS = [...PAGES.keys()];
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/**
 * The targets of the relative links in a document: paths from the root, each with its anchor or ''.
 */
function linksOf(document: string): { link: string; path: string; anchor: string }[] {
  return [...withoutCode(read(document)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [file = '', anchor = ''] = link.split('#');
      const path = file === '' ? document : normalize(join(dirname(document), file));
      return { link, path, anchor };
    });
}

/** The anchors that GitHub gives the headings of a text. */
function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}

it('README has at most 150 lines', () => {
  expect(README.split('\n').length - 1).toBeLessThanOrEqual(150);
});

it('README links every page in docs/, CONTRIBUTING and SECURITY', () => {
  const linked = new Set(linksOf('README.md').map(({ path }) => path));
  expect(PAGES.size).toBeGreaterThan(10);
  expect(DOCUMENTS.filter((path) => path !== 'README.md' && !linked.has(path))).toEqual([]);
});

describe('every relative link leads to a file, and to a heading of it', () => {
  it.each(DOCUMENTS)('%s', (document) => {
    const broken = linksOf(document).filter(({ path, anchor }) => {
      if (!existsSync(join(root, path))) return true;
      return anchor !== '' && !anchorsOf(read(path)).includes(anchor);
    });
    expect(broken.map(({ link }) => link)).toEqual([]);
  });
});

it('the anchor of a heading is the one that GitHub gives it', () => {
  expect(
    anchorsOf("# Under Docker's own drivers\n# D1 · One `x_y` process, no\n# Twice\n# Twice"),
  ).toEqual(['under-dockers-own-drivers', 'd1--one-x_y-process-no', 'twice', 'twice-1']);
});

it('a table is found by a heading that exists once, in whatever document; all others fail', () => {
  expect(table('Which addressing mode when')).toHaveLength(6);
  expect(() => table('No such heading')).toThrow('no document has a heading');
  expect(() => table('Install')).toThrow(/more than one heading .*README\.md, docs\/install\.md/);
});
