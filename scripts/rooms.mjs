// Prints the folders of plugin/ with their files and which other folders each imports, and says what breaks a rule:
// a circle between folders, or more than 12 files in one. Usage: scripts/rooms
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = join(import.meta.dirname, '../plugin');
const MOST_FILES = 12;
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
);
/** The room a file belongs to: its first folder; files at the top stand beside the rooms, main.ts and uplink-main.ts above them. */
const roomOf = (path) =>
  path.includes('/')
    ? path.split('/')[0]
    : /^(uplink-)?main\.ts$/.test(path)
      ? 'main'
      : 'top level';

const inFolder = new Map();
const imports = new Map();
for (const path of files.sort()) {
  const folder = path.includes('/') ? dirname(path) : 'top level';
  inFolder.set(folder, [...(inFolder.get(folder) ?? []), path.split('/').at(-1)]);
  const targets = imports.get(roomOf(path)) ?? new Set();
  imports.set(roomOf(path), targets);
  const text = readFileSync(join(root, path), 'utf8');
  for (const [, specifier] of text.matchAll(/from\s+'(\.[^']+)'/g)) {
    const room = roomOf(relative(root, resolve(root, dirname(path), specifier)));
    if (room !== roomOf(path)) targets.add(room);
  }
}

for (const [folder, names] of inFolder) {
  const wanted = [...(imports.get(folder) ?? [])].sort().join(', ');
  console.log(`${folder} (${names.length})${wanted === '' ? '' : ` ← ${wanted}`}`);
  console.log(`    ${names.map((name) => name.replace(/\.ts$/, '')).join(' · ')}`);
}

const problems = [...inFolder]
  .filter(([, names]) => names.length > MOST_FILES)
  .map(([folder, names]) => `${folder} has ${names.length} files`);
/** Can `to` be reached from `from`? */
const reaches = (from, to, seen = new Set()) =>
  [...(imports.get(from) ?? [])].some((next) => {
    if (next === to) return true;
    if (seen.has(next)) return false;
    seen.add(next);
    return reaches(next, to, seen);
  });
for (const room of imports.keys()) {
  if (room !== 'top level' && reaches(room, room)) problems.push(`${room} is imported in a circle`);
}
console.log(problems.length === 0 ? 'no circle, no folder over 12 files' : problems.join('\n'));
process.exitCode = problems.length === 0 ? 0 : 1;
