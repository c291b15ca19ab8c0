/** The commands in the code blocks of the pages, as a reader types them. */
import { PAGES } from './readme.ts';

/** What a command begins with. Other lines of a block are output, a picture or a file. */
const COMMAND =
  /^(?:[A-Z_]+=\S+ )*(?:curl|docker|install|ln|ip|ip6tables|iptables|npm|systemctl|vlandhcp|scripts\/[\w/-]+)(?= )/;

/** The commands of a page in their order. `A && B` is two commands. A comment is left out. */
export function commandsOf(page: string): string[] {
  const text = PAGES.get(page);
  if (text === undefined) throw new Error(`there is no page ${page}`);
  const lines = [...text.matchAll(/^ *```(\w*)\n([^]*?)^ *```$/gm)]
    .filter(([, language = '']) => ['', 'sh'].includes(language))
    .flatMap(([, , block = '']) => block.split('\n'))
    .map((line) => line.trim());
  const unknown = lines.filter((line) => line.startsWith('$ ') && !COMMAND.test(line.slice(2)));
  if (unknown.length > 0) throw new Error(`${page}: no known program in: ${unknown.join('; ')}`);
  return lines
    .map((line) => line.replace(/^\$ /, '').replace(/ {2,}#.*$/, ''))
    .filter((line) => COMMAND.test(line))
    .flatMap((line) => line.split(' && '));
}
