/**
 * Checks the import rule of plugin/ARCHITECTURE.md, and what the pure cores may not use. It reads
 * the sources themselves, so it does not depend on lint.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../plugin/vocabulary/errors.ts';

const root = resolve(import.meta.dirname, '..');
const plugin = join(root, 'plugin');
const files = readdirSync(plugin, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort();
const sourceOf = (path: string) => readFileSync(join(plugin, path), 'utf8');
const codeOf = (path: string) =>
  sourceOf(path)
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '');

/** The imports of a file. `layer` is our own folder, or the name of a package. */
function importsOf(path: string): { specifier: string; layer: string }[] {
  return [...codeOf(path).matchAll(/(?:from|import)\s+'([^']+)'/g)].map(([, specifier = '']) => ({
    specifier,
    layer: specifier.startsWith('.')
      ? layerOf(relative(plugin, resolve(plugin, dirname(path), specifier)))
      : specifier,
  }));
}

const SHELL_VOCABULARY = [
  'runtime',
  'clock.ts',
  'logger.ts',
  'undo.ts',
  'keyed-lock.ts',
  'host.ts',
  'sandbox-host.ts',
];

function layerOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path;
}

/** The composition roots of the two bundles. */
const ROOTS = ['main.ts', 'uplink-main.ts'];

/** Each layer, and which other layers it may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  vocabulary: ['wire'],
  dhcp4: ['wire', 'vocabulary'],
  dhcp6: ['wire', 'vocabulary'],
  acd: ['wire', 'vocabulary'],
  ndp: ['wire', 'vocabulary'],
  net: ['wire', 'vocabulary', 'undo.ts', 'keyed-lock.ts'],
  runtime: ['vocabulary', 'clock.ts', 'logger.ts'],
  metrics: ['vocabulary', 'events', 'state', 'runtime'],
  events: ['vocabulary', 'clock.ts', 'logger.ts', 'runtime'],
  leasing: ['wire', 'vocabulary', 'dhcp4', 'dhcp6', 'acd', 'ndp', 'events', ...SHELL_VOCABULARY],
  ...rooms(),
  dockerapi: ['vocabulary', 'clock.ts', 'logger.ts'],
  // The second bundle. Nothing of the plugin imports it.
  uplink: ['wire', 'vocabulary', 'net', ...SHELL_VOCABULARY],
  hub: ['wire', 'vocabulary', 'net', 'uplink', ...SHELL_VOCABULARY],
  // The page's files, put in by scripts/bundle.mjs.
  web: [],
  'clock.ts': ['vocabulary'],
  'host.ts': ['wire', 'vocabulary', 'sandbox-host.ts'],
  'sandbox-host.ts': ['wire', 'vocabulary'],
  'settings.ts': ['vocabulary'],
  'logger.ts': ['settings.ts'],
  'last-resort.ts': ['vocabulary', 'logger.ts'],
};

/** The rooms between leasing and the API, in their order. Each may import the rooms before it. */
function rooms(): Record<string, readonly string[]> {
  const order = [
    'options',
    'state',
    'pools',
    'networks',
    'leases',
    'hostaccess',
    'endpoints',
    'doctor',
    'driver',
    'api',
  ];
  const common = ['wire', 'vocabulary', 'events', 'leasing', 'dockerapi', ...SHELL_VOCABULARY];
  const allowed = order.map(
    (room, place) => [room, [...common, ...order.slice(0, place)]] as const,
  );
  // Options are only text.
  const api = [...common, ...order, 'web', 'metrics'];
  return { ...Object.fromEntries(allowed), options: ['wire', 'vocabulary'], api };
}

const PURE = ['wire', 'vocabulary', 'dhcp4', 'dhcp6', 'acd', 'ndp'];

/** What tests alone use: rules that they prove, and what a later option of IPv6 needs. */
const ONLY_IN_TESTS = new Set([
  'dhcp6/client/client.ts: TRANSITIONS',
  'dhcp6/client/information.ts: INFORMATION_TRANSITIONS',
  'ndp/duplicate.ts: DUPLICATE_TRANSITIONS',
  'ndp/listener-report.ts: decodeListenerReport',
  'ndp/solicitation.ts: SOLICITATION_TRANSITIONS',
  'uplink/member/states.ts: TRANSITIONS',
]);

/** The only places that may import a package. */
const PACKAGE_HOMES: Readonly<Record<string, RegExp>> = {
  express: /^api\/server\.ts$/,
  pino: /^logger\.ts$/,
  koffi: /^net\/libc\.ts$/,
  // It brings the metadata that its parts find each other by.
  '@peculiar/x509': /^uplink\/manage\/x509\.ts$/,
  'reflect-metadata': /^uplink\/manage\/x509\.ts$/,
  valibot:
    /^(state\/files\/(value-schemas|ipv6-schemas|holder-schemas|record-schemas|read-record)|dockerapi\/container-(names|services)|uplink\/(protocol\/[a-z-]+|state-file|uplink-service|manage\/(credentials|certificate-client)|member\/(member-record|registrar-client))|hub\/(hub-records|hub-calls|registrar\/registrar|authority\/authority))\.ts$/,
  commander:
    /^((uplink\/cli|hub)\/(commands|telling-commands|cli)|hub\/authority\/context-command|hub\/streams\/stream-commands|uplink-main)\.ts$/,
  ws: /^(uplink\/streams\/web-socket|hub\/streams\/tls-server)\.ts$/,
  'prom-client':
    /^(metrics\/[a-z-]+|runtime\/telling\/process-metrics|uplink\/watch\/metrics-set)\.ts$/,
  'ip-address': /^wire\/address\.ts$/,
};

/** Only the store, the history, the interfaces of Linux and the APIs' sockets may use files. */
const FILE_SYSTEM_HOMES =
  /^(state\/files\/(store|record-file|former-files|disk-space)|runtime\/(unix-socket|durable-file|telling\/open-port|history\/history-file)|api\/operator\/admin-server|dockerapi\/docker-api|uplink\/(state-file|admin-socket|kernel\/wireguard|path\/whole-socket)|hub\/(authority\/context-files|streams\/tcp-port)|net\/[a-z0-9/-]+)\.ts$/;

describe('the import rule', () => {
  it('a file imports only what its layer may', () => {
    const wrong = files
      .filter((path) => !ROOTS.includes(path))
      .flatMap((path) => {
        const layer = layerOf(path);
        const allowed = new Set([layer, ...(MAY_IMPORT[layer] ?? [])]);
        return importsOf(path)
          .filter(
            ({ specifier, layer: target }) => specifier.startsWith('.') && !allowed.has(target),
          )
          .map(({ specifier }) => `${path}: ${specifier}`);
      });
    expect(wrong).toEqual([]);
  });

  it('each package has one home', () => {
    const strays = files.flatMap((path) =>
      importsOf(path)
        .filter(({ specifier }) => !/^(\.|node:)/.test(specifier))
        .filter(({ specifier }) => PACKAGE_HOMES[specifier]?.test(path) !== true)
        .map(({ specifier }) => `${path}: ${specifier}`),
    );
    expect(strays).toEqual([]);
  });

  it('node:fs is imported by the store, the history, the API sockets and plugin/net only', () => {
    const strays = files.filter(
      (path) =>
        importsOf(path).some(({ specifier }) => /^node:fs/.test(specifier)) &&
        !FILE_SYSTEM_HOMES.test(path),
    );
    expect(strays).toEqual([]);
  });

  it('the environment and the command line are read by main.ts only', () => {
    const strays = files.filter(
      (path) => !ROOTS.includes(path) && /process\.(env|argv)/.test(codeOf(path)),
    );
    expect(strays).toEqual([]);
  });

  it('no file is imported in a circle', () => {
    const edges = new Map(
      files.map((path) => [
        path,
        importsOf(path)
          .filter(({ specifier }) => specifier.startsWith('.'))
          .map(({ specifier }) => relative(plugin, resolve(plugin, dirname(path), specifier))),
      ]),
    );
    // The compiler erases types, so a circle of them does no harm at run time. It still confuses
    // readers.
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      } else if (!done.has(path)) {
        for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
        done.add(path);
      }
    };
    for (const path of files) visit(path, []);
    expect(circles).toEqual([]);
  });
});

describe('the command line', () => {
  const cli = join(root, 'cli');
  const parts = readdirSync(cli, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );

  it('imports only types of the plugin, and the plugin nothing of it', () => {
    const wrong = parts.flatMap((path) =>
      readFileSync(join(cli, path), 'utf8')
        .split('\n')
        .filter((line) => / from '[./]*plugin\//.test(line) && !line.startsWith('import type')),
    );
    expect(wrong).toEqual([]);
    expect(files.filter((path) => /from '[./]*cli\//.test(codeOf(path)))).toEqual([]);
  });

  it('has its packages in one place each, and no file of more than 300 lines', () => {
    const homes = {
      commander: ['completion.ts', 'main.ts', 'program.ts'],
      yoctocolors: ['main.ts'],
    };
    for (const [name, home] of Object.entries(homes)) {
      const users = parts.filter((path) =>
        readFileSync(join(cli, path), 'utf8').includes(`from '${name}'`),
      );
      expect(users.sort()).toEqual(home);
    }
    const long = parts.filter(
      (path) => readFileSync(join(cli, path), 'utf8').split('\n').length > 301,
    );
    expect(long).toEqual([]);
  });
});

describe('the status page', () => {
  const web = join(root, 'web');
  const parts = readdirSync(web, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.tsx?$/.test(path),
  );
  const textOf = (path: string) => readFileSync(join(web, path), 'utf8');

  it('imports types of the plugin and views of the command line, and nobody imports it', () => {
    const wrong = parts.flatMap((path) =>
      [...textOf(path).matchAll(/^(import type|import)[^;]*? from '([^']+)';/gm)]
        .filter(([, how, from = '']) => {
          if (how === 'import type') return /^node:/.test(from);
          if (from.startsWith('../../')) return !from.startsWith('../../cli/views/');
          return !/^\.\.?\//.test(from) && !/^(preact(\/hooks)?|uplot)$/.test(from);
        })
        .map(([, , from]) => `${path}: ${from}`),
    );
    expect(wrong).toEqual([]);
    expect(
      files.filter((path) => /from '[./]*\/web\/(parts|live|model)/.test(codeOf(path))),
    ).toEqual([]);
  });

  it('has uPlot in one place, and the network in live/', () => {
    const users = (pattern: RegExp) => parts.filter((path) => pattern.test(textOf(path))).sort();
    expect(users(/from 'uplot'/)).toEqual(['parts/plot.tsx']);
    expect(users(/\b(fetch|EventSource|XMLHttpRequest|WebSocket)\(/)).toEqual([
      ...['live/feed.ts', 'live/state.ts'],
    ]);
    // Text of the network never becomes markup.
    expect(users(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc/)).toEqual([]);
  });

  it('has no file of more than 300 lines, and each says at its head what it is', () => {
    expect(parts.filter((path) => textOf(path).split('\n').length > 301)).toEqual([]);
    expect(parts.filter((path) => !textOf(path).startsWith('/**'))).toEqual([]);
  });
});

it('the pure cores have no clock, dice, process or await', () => {
  const forbidden =
    /\b(Date|setTimeout|setInterval|setImmediate|performance|process|Buffer|console|async|await)\b|Math\.random|'node:/;
  const found = files
    .filter((path) => PURE.includes(layerOf(path)))
    .flatMap((path) => (forbidden.exec(codeOf(path)) ?? []).map((word) => `${path}: ${word}`));
  expect(found).toEqual([]);
});

describe('the house', () => {
  it('no file has more than 300 lines', () => {
    const long = files.filter((path) => sourceOf(path).split('\n').length - 1 > 300);
    expect(long).toEqual([]);
  });

  it('each file says at its head what it is', () => {
    expect(files.filter((path) => !sourceOf(path).startsWith('/**'))).toEqual([]);
  });

  it('no room has more than 12 files, and none is imported in a circle', () => {
    const { stdout, status } = spawnSync(join(root, 'scripts/rooms'), { encoding: 'utf8' });
    expect([stdout.trim().split('\n').at(-1), status]).toEqual([
      'no circle, no folder over 12 files',
      0,
    ]);
  });

  it('what is exported is imported by another file; what only tests import has a use where it is', () => {
    const folders = ['plugin', 'bench', 'scripts', 'test'];
    const users = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts'))
        .map((path) => join(root, folder, path)),
    );
    /** Each imported `file#name`, and whether code other than tests imports it. */
    const imported = new Map<string, boolean>();
    for (const user of users) {
      const text = readFileSync(user, 'utf8');
      const isTest = user.startsWith(join(root, 'test/'));
      for (const [, words = '', from = ''] of text.matchAll(
        /^(?:import|export)\s+(?:type\s+)?(\{[^}]*\}|\* as \w+)\s+from\s+'(\.[^']+)'/gm,
      )) {
        // If a module is imported as a whole, every word may be one of its names.
        const isWhole = words.startsWith('*');
        const names = isWhole
          ? text.matchAll(/(\w+)/g)
          : words.matchAll(/[{,]\s*(?:type\s+)?(\w+)/g);
        for (const [, name] of names) {
          const key = `${resolve(dirname(user), from)}#${name}`;
          imported.set(key, imported.get(key) === true || !isTest);
        }
      }
    }
    const dead = files.flatMap((path) => {
      const code = codeOf(path);
      const names = [
        ...code.matchAll(/^export (?:async )?(?:const|let|function\*?|class) (\w+)/gm),
      ].map(([, name = '']) => name);
      return names
        .filter((name) => {
          const use = imported.get(`${join(plugin, path)}#${name}`);
          const isUsedHere = code.split(new RegExp(`\\b${name}\\b`)).length > 2;
          return use === undefined || (!use && !isUsedHere);
        })
        .map((name) => `${path}: ${name}`);
    });
    expect(dead).toEqual([...ONLY_IN_TESTS]);
  });

  it('every error code is thrown somewhere, so that none promises what never happens', () => {
    const all = files
      .filter((path) => path !== 'vocabulary/errors.ts')
      .map(codeOf)
      .join('\n');
    expect(ERROR_CODES.filter((code) => !all.includes(`'${code}'`))).toEqual([]);
  });

  it('ARCHITECTURE.md names every folder and top-level file of plugin/', () => {
    const text = sourceOf('ARCHITECTURE.md');
    const names = new Set(
      files.map((path) => (path.includes('/') ? `${path.split('/')[0]}/` : path)),
    );
    expect([...names].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
