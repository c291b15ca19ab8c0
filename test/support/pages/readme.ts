/**
 * README.md, the files beside it and the pages in docs/, as tests read them: headings, sections and
 * tables.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../../..');

/** The text of each document that people read, by its path from the root of the repository. */
export const PAGES: ReadonlyMap<string, string> = new Map(
  [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ]
    .filter((path) => path.endsWith('.md'))
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
);

/** All pages in one text. */
export const allPages = [...PAGES.values()].join('\n');

/**
 * The text of a page without its code blocks, because a `#` in them begins a comment and not a
 * heading.
 */
export const withoutCode = (text: string) => text.replace(/^ *```[^]*?^ *```$/gm, '');

/**
 * The text below the heading that begins with these words, up to the next heading of the same or a
 * higher level.
 */
function section(heading: string): string {
  const found = [...PAGES].flatMap(([path, text]) => {
    const lines = withoutCode(text).split('\n');
    return lines.flatMap((line, at) => {
      const [, hashes = '', words = ''] = /^(#+) (.*)$/.exec(line) ?? [];
      if (hashes === '' || !words.startsWith(heading)) return [];
      const below = lines.slice(at + 1);
      const length = below.findIndex((next) => {
        const [, level = ''] = /^(#+) /.exec(next) ?? [];
        return level !== '' && level.length <= hashes.length;
      });
      return [{ path, text: below.slice(0, length < 0 ? undefined : length).join('\n') }];
    });
  });
  const [only] = found;
  if (only === undefined) throw new Error(`no document has a heading "${heading}"`);
  if (found.length > 1) {
    const paths = found.map(({ path }) => path).join(', ');
    throw new Error(`more than one heading begins with "${heading}": ${paths}`);
  }
  return only.text;
}

/** The rows of all tables of a section and of the sections below it, without the table heads. */
export function table(heading: string): string[][] {
  const lines = section(heading).split('\n');
  const isRule = (line = '') => /^\|[-|: ]+\|$/.test(line);
  return lines
    .filter((line, at) => line.startsWith('|') && !isRule(line) && !isRule(lines[at + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}
