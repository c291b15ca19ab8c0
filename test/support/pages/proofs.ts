/** Names of tests in documents: `folder/name.test.ts › title`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './readme.ts';

export interface NamedTest {
  readonly file: string;
  readonly title: string;
}

export function testsNamedIn(text: string): NamedTest[] {
  return [...text.matchAll(/`([\w/.-]+) › ([^`]+)`/g)].map(([, file = '', title = '']) => ({
    file,
    title,
  }));
}

/** True if that file has a test, or a row of a test's table, with this title. */
export function isThere({ file, title }: NamedTest): boolean {
  const path = join(root, 'test', file);
  return existsSync(path) && readFileSync(path, 'utf8').replaceAll("\\'", "'").includes(title);
}
