/**
 * Commands that scripts/demo prints can be pasted. Every frame that it shows is whole and
 * explained.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

const story = (name: string) => readFileSync(join(root, 'scripts/lab', name), 'utf8');

function shell(line: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', `set -euo pipefail; . "$0/common.sh"; ${line}`, join(root, 'scripts/lab'), ...words],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

describe('a command that is shown', () => {
  it.each([
    [['docker', 'run', '-d', '--net=fw500', 'asterisk:latest']],
    [['docker', 'version', '--format', 'Engine {{.Server.Version}}']],
    [["it's", '', '$HOME', 'a\nb', '*', '~', '"', '\\', '!x', 'a;b', '#']],
    [['/a b/scripts/lab/shell', 'embedded']],
  ])('%j is taken apart by a shell into the same words', (words) => {
    const typed = shell('as_typed "$@"', ...words).replace(/\n$/, '');
    const out = shell(`eval "set -- $1"; printf '%s\\0' "$@"`, typed);
    expect(out.split('\0').slice(0, -1)).toEqual(words);
  });

  it('has no quotes where none are needed', () => {
    expect(shell('as_typed docker network rm fw500')).toBe('docker network rm fw500\n');
  });

  it.each([['demo-story'], ['demo-story-uplink']])('of %s is no function of the lab', (name) => {
    const functions = shell('. "$0/inside/all.sh"; compgen -A function').trim().split('\n');
    const shown = [...story(name).matchAll(/^ *(?:shown|refused) ([\w-]+)/gm)].map(
      ([, word]) => word,
    );
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.filter((word) => functions.includes(word ?? ''))).toEqual([]);
  });
});

describe('the end of the story', () => {
  it('names commands and pages that there are, by paths that a shell takes from anywhere', () => {
    const end = shell(
      `eval "$(sed -n '/^story_ends()/,/^}/p' "$0/demo-story")"; story_ends "$1"`,
      root,
    );
    const commands = end.split('\n').filter((line) => line.startsWith('    '));
    const programs = commands.map((line) => shell(`eval "set -- $1"; printf %s "$1"`, line));
    expect(programs.filter((path) => path.startsWith('/') && existsSync(path))).toEqual([
      join(root, 'scripts/lab/shell'),
      join(root, 'scripts/plugin'),
    ]);
    expect(programs.filter((path) => !path.startsWith('/'))).toEqual(['du', 'docker']);
    const pages = [...end.matchAll(/\S+\.md/g)].map(([path]) => path);
    expect(pages.filter((path) => existsSync(path))).toHaveLength(3);
  });
});

describe('the frames', () => {
  const MAC = '02:cb:f1:8c:d2:47';
  const tag = 'ethertype 802.1Q (0x8100), length 46: vlan 500, p 0, ethertype';
  const FRAMES = [
    `12:58:41.1 ${MAC} > ff:ff:ff:ff:ff:ff, ${tag} IPv4 (0x0800), 0.0.0.0.68 > 255.255.255.255.67: BOOTP/DHCP, Request from ${MAC}, length 300`,
    `12:58:41.2 ae:bd:2c:2b:2f:c8 > ff:ff:ff:ff:ff:ff, ${tag} IPv4 (0x0800), 10.50.0.2.67 > 255.255.255.255.68: BOOTP/DHCP, Reply, length 286`,
    `12:58:41.3 ${MAC} > ff:ff:ff:ff:ff:ff, ${tag} ARP (0x0806), Request who-has 10.50.0.194 tell 0.0.0.0, length 28`,
    `12:58:41.4 ${MAC} > ff:ff:ff:ff:ff:ff, ${tag} ARP (0x0806), Request who-has 0.0.0.0 tell 0.0.0.0, length 28`,
    `12:58:41.5 ${MAC} > ff:ff:ff:ff:ff:ff, ${tag} ARP (0x0806), Request who-has 10.50.0.194 tell 10.50.0.194, length 28`,
    `12:58:41.6 ae:bd:2c:2b:2f:c8 > ${MAC}, ${tag} ARP (0x0806), Request who-has 10.50.0.194 tell 10.50.0.1, length 28`,
    `12:58:41.7 ${MAC} > ae:bd:2c:2b:2f:c8, ${tag} ARP (0x0806), Reply 10.50.0.194 is-at ${MAC}, length 28`,
    `12:58:41.8 ae:bd:2c:2b:2f:c8 > ${MAC}, ${tag} IPv4 (0x0800), 10.50.0.1 > 10.50.0.194: ICMP echo request, id 1, seq 1, length 64`,
  ];
  const told = (frames: string[]) =>
    spawnSync(
      'awk',
      ['-v', `mac=${MAC}`, '-v', 'address=10.50.0.194', '-f', join(root, 'scripts/lab/frames.awk')],
      { input: `${frames.join('\n')}\n`, encoding: 'utf8' },
    )
      .stdout.trimEnd()
      .split('\n');

  it('are shown whole, each kind with one sentence of its own', () => {
    const lines = told(FRAMES);
    expect(lines.filter((_, index) => index % 2 === 0)).toEqual(FRAMES.map((line) => `  ${line}`));
    const meanings = lines.filter((_, index) => index % 2 === 1);
    expect(new Set(meanings).size).toBe(FRAMES.length);
    expect(meanings.filter((line) => line.includes('not explained'))).toEqual([]);
  });

  it('of one kind are shown once and counted', () => {
    const [first = ''] = FRAMES;
    expect(told([first, first, first])).toEqual([
      `  ${first}`,
      expect.stringMatching(/^ {6}\(3 frames\) The plugin asks for a lease/),
    ]);
  });

  it('of other containers are left out; one that nobody foresaw is said to be unexplained', () => {
    const [, , , , , , , last = ''] = FRAMES;
    expect(told([last.replaceAll(MAC, '02:00:00:00:00:01')])).toEqual(['']);
    expect(told([`12:00 ${MAC} > 33:33:00:00:00:16, ${tag} IPv6`])[1]).toContain('not explained');
  });
});
