/** Checks README.md and docs/ against the code: option tables, error sentences and commands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ENDPOINT_OPTIONS,
  macFromId,
  parseEndpointOptions,
} from '../../plugin/options/endpoint-options.ts';
import { NETWORK_OPTIONS, parseNetworkOptions } from '../../plugin/options/options.ts';
import { LOG_LEVELS, parseSettings } from '../../plugin/settings.ts';
import { allPages, root, table } from '../support/pages/readme.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const config = JSON.parse(read('config.json')) as {
  network: { type: string };
  linux: { capabilities: string[] };
  mounts: { source: string }[];
  env: { name: string }[];
};

type Specs = Readonly<Record<string, { value: string; default: string; help: string }>>;
const rowsOf = (specs: Specs) =>
  Object.entries(specs).map(([key, spec]) => [`\`${key}\``, spec.value, spec.default, spec.help]);

describe('the option tables', () => {
  it.each([
    ['Network:', NETWORK_OPTIONS],
    ['Container:', ENDPOINT_OPTIONS],
  ])('%s', (heading, specs) => {
    expect(table(heading)).toEqual(rowsOf(specs));
  });

  it('Plugin:', () => {
    const rows = new Map(table('Plugin:').map(([name = '', ...cells]) => [name, cells]));
    const names = [...rows.keys()].map((name) => name.replaceAll('`', ''));
    expect(rows.get('`LOG_LEVEL`')?.slice(0, 2)).toEqual([LOG_LEVELS.join(', '), 'info']);
    const service = parseSettings([], {});
    const managed = parseSettings(['--managed'], {});
    expect(rows.get('`STATE_DIR`')?.[1]).toBe(
      `\`${managed.stateDir}\`, service \`${service.stateDir}\``,
    );
    expect(rows.get('`JOIN_TIMEOUT`')?.[1]).toBe(String(service.joinTimeoutMs / 1000));
    expect(rows.get('`IPAM_REQUIRE_MAC`')?.[1]).toBe(String(service.requiresMacAddress));
    expect(names).toEqual(config.env.map(({ name }) => name));
  });
});

describe('the commands', () => {
  const words = (line: string) => line.split(/\s+/);

  it('network options are accepted as written', () => {
    // Docker takes the options of a Swarm network from another network.
    const creates = (allPages.match(/docker network create -d [^\n`]*/g) ?? []).filter(
      (command) => !command.includes('--config-from'),
    );
    expect(creates.length).toBeGreaterThan(0);
    for (const command of creates) {
      const given = words(command)
        .filter((_, index, all) => ['-o', '--ipam-opt'].includes(all[index - 1] ?? ''))
        .map((word) => word.split('='));
      expect(() =>
        parseNetworkOptions(Object.fromEntries(given) as Record<string, string>),
      ).not.toThrow();
      expect(command).toMatch(/--ipam-driver (null|vlandhcp)/);
    }
  });

  it('container options are accepted as written', () => {
    const given = allPages.match(/driver-opts?[= ][a-z0-9]+=[\w.:]+/g) ?? [];
    const lowerCase = given.filter((text) => !text.includes('ADDRESS'));
    expect(lowerCase.length).toBeGreaterThan(0);
    for (const text of lowerCase) {
      const [, key = '', value] = /[= ]([a-z0-9]+)=(.*)$/.exec(text) ?? [];
      expect(() => parseEndpointOptions({ [key]: value })).not.toThrow();
    }
    expect(allPages).toContain(`id=asterisk asterisk:latest      # ${macFromId('asterisk')}`);
  });

  it('scripts/plugin knows every command', () => {
    const usage = /<<'HELP'\n([^]*?)\nHELP/.exec(read('scripts/plugin'))?.[1] ?? '';
    const commands = [...allPages.matchAll(/scripts\/plugin ([a-z]+)/g)]
      .map(([, command = '']) => command)
      .filter((command) => !['without'].includes(command));
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands)
      expect(usage).toMatch(new RegExp(`(^ {2}|\\| )${command}`, 'm'));
  });

  it('every npm script and every script named is there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const [, name = ''] of allPages.matchAll(/npm run ([\w:]+)/g)) {
      expect(Object.keys(scripts)).toContain(name);
    }
    const named = [...allPages.matchAll(/scripts\/[a-z][\w.-]*[\w]/g)].map(([path]) => path);
    const missing = named.filter((path) => !existsSync(join(root, path)));
    expect(missing).toEqual([]);
  });
});

it('the privileges are those of config.json', () => {
  expect(allPages).toContain(` - network: [${config.network.type}]\n`);
  expect(allPages).toContain(
    ` - mount: [${config.mounts.map(({ source }) => source).join(' ')}]\n`,
  );
  expect(allPages).toContain(` - capabilities: [${config.linux.capabilities.join(' ')}]\n`);
});

it('every sentence of ours in the troubleshooting table is in the code', () => {
  const plugin = join(root, 'plugin');
  const code = readdirSync(plugin, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(plugin, path), 'utf8'))
    .join('\n');
  const sentences = table('When you see something else')
    .flatMap(([symptom = '']) => (symptom.startsWith('Docker') ? [] : [symptom]))
    .flatMap((symptom) => [...symptom.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words));
  expect(sentences.length).toBeGreaterThan(15);
  expect(sentences.filter((words) => !code.includes(words))).toEqual([]);
});

it('the changelog begins with the version of the package', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(/^## (\S+)/m.exec(read('CHANGELOG.md'))?.[1]).toBe(version);
});
