/** Whom a word means: names that are also addresses, beginnings of ids, or of another network. */
import { describe, expect, it } from 'vitest';
import { readNames, type RunDocker } from '../../../cli/docker.ts';
import { leaseEntry, NETWORK_ID } from '../../support/fakes/lease-entries.ts';
import { cliSite, BOX, GONE, knowing, ofBox } from '../../support/pages/cli-site.ts';

const site = cliSite();
const OTHER_ID = `b${'a'.repeat(63)}`;
const OTHER = leaseEntry({
  ...{ network: OTHER_ID, segment: 'VLAN 600 of eth1', endpoint: 'f'.repeat(64) },
  address: '10.60.0.23/24',
});

interface Attached {
  readonly id: string;
  readonly name: string;
  readonly lease: { readonly endpoint: string; readonly mac: string };
}

/** A Docker with these networks and containers. */
function docker(networks: Readonly<Record<string, readonly [string, ...Attached[]]>>): RunDocker {
  const inspected = Object.entries(networks).map(([Id, [Name, ...attached]]) => ({
    ...{ Id, Name },
    Containers: Object.fromEntries(
      attached.map(({ id, name, lease: { endpoint, mac } }) => [
        id.repeat(64).slice(0, 64),
        { Name: name, EndpointID: endpoint, MacAddress: mac },
      ]),
    ),
  }));
  return (...words) =>
    words[1] === 'ls'
      ? Promise.resolve(Object.keys(networks).join('\n'))
      : words[1] === 'inspect'
        ? Promise.resolve(JSON.stringify(inspected))
        : knowing(...words);
}

const addresses = (printed = '') => [...printed.matchAll(/^Address +(\S+)$/gm)].map(([, one]) => one); // prettier-ignore

describe('a container', () => {
  it('that is called like an address does not stand before the address', async () => {
    site.leases = [BOX, { ...OTHER, mac: '02:00:00:00:00:0c' }];
    const named = { id: '1', name: '10.60.0.23', lease: BOX };
    const { printed } = await site.type('lease 10.60.0.23', { docker: docker({ [NETWORK_ID]: ['fw500', named] }) }); // prettier-ignore
    expect(addresses(printed)).toEqual(['10.60.0.23/24']);
  });

  it('of that name goes before one with an id that begins so', async () => {
    site.leases = [BOX, { ...OTHER, mac: '02:00:00:00:00:0c' }];
    const known = docker({
      [NETWORK_ID]: ['fw500', { id: '1', name: 'cafe', lease: BOX }, { id: 'cafe', name: 'x', lease: { ...OTHER, mac: '02:00:00:00:00:0c' } }], // prettier-ignore
    });
    expect(addresses((await site.type('lease cafe', { docker: known })).printed)).toEqual(['10.50.0.23/24']); // prettier-ignore
    const { error } = await site.type('lease 1', { docker: known });
    expect(error).toContain('"1" is not an address, a MAC, or 4 characters or more');
  });

  it('with an id that begins like that of another is not guessed', async () => {
    const known = docker({
      [NETWORK_ID]: ['fw500', { id: 'cafe1', name: 'one', lease: BOX }, { id: 'cafe2', name: 'two', lease: GONE }], // prettier-ignore
    });
    expect((await site.type('renew cafe', { docker: known })).error).toBe(
      "cafe is the beginning of more than one container's ID: one, two; type its name",
    );
  });

  it.each(['lease', 'renew', 'release'])('%s of an empty word is refused', async (command) => {
    site.leases = [BOX];
    expect((await site.type(`${command} ''`)).error).toBe(
      'an empty word is no address, MAC or container',
    );
  });

  it('with the MAC of another one on another VLAN is told from it, and renewed alone', async () => {
    site.leases = [BOX, OTHER];
    const known = docker({
      [NETWORK_ID]: ['fw500', { id: '1', name: 'pbx-a', lease: BOX }],
      [OTHER_ID]: ['fw600', { id: '2', name: 'pbx-b', lease: OTHER }],
    });
    for (const [name, address] of [
      ['pbx-a', '10.50.0.23/24'],
      ['pbx-b', '10.60.0.23/24'],
    ]) {
      // prettier-ignore
      const { printed } = await site.type(`lease ${name}`, { docker: known });
      expect(addresses(printed)).toEqual([address]);
    }
    const server = '10.50.0.1';
    site.renewing = () => {
      const answer = { type: 'lease.renewed', ...ofBox, family: 4, server } as const;
      site.bus.emit({ ...answer, endpoint: BOX.endpoint, address: '10.50.0.23' });
    };
    const parts = { docker: known, answerWithinMs: 200 };
    expect((await site.type('renew pbx-a', parts)).printed).toMatch(
      /^10\.50\.0\.23\/24 is renewed/,
    );
    // The answer for the other one is none for this one.
    expect((await site.type('renew pbx-b', parts)).printed).toMatch(
      /^10\.60\.0\.23 is not renewed/,
    );
    expect((await site.type(`renew ${BOX.mac}`, { docker: known })).error).toBe(
      `more than one lease is of ${BOX.mac}; name one of them: ${BOX.endpoint} (VLAN 500 of eth1), ${OTHER.endpoint} (VLAN 600 of eth1)`,
    );
  });
});

describe('a network', () => {
  const known = docker({ [NETWORK_ID]: ['fw500'], [OTHER_ID]: ['aaaa'] });

  it('of that name goes before one with an id that begins so', async () => {
    site.leases = [BOX, OTHER];
    const shown = async (network: string) =>
      (await site.type(`leases --network ${network} --format '{{.Address}}'`, { docker: known })).printed; // prettier-ignore
    expect(await shown('aaaa')).toBe('10.60.0.23/24\n');
    expect(await shown('fw500')).toBe('10.50.0.23/24\n');
    expect(await shown('baaaa')).toBe('10.60.0.23/24\n');
  });

  it.each(['a', "''"])('%s is none: one letter begins the ids of many', async (network) => {
    expect((await site.type(`leases --network ${network}`, { docker: known })).error).toMatch(/^there is no network/); // prettier-ignore
  });

  it('that is not there, and never was: events say so, and are no empty list', async () => {
    expect(await site.type('events --network fw600')).toEqual({
      ...{ exit: 1, error: 'there is no network fw600, and no event of the history is of it' },
    });
  });

  it('that is made again while events are followed is followed', async () => {
    const ended = new AbortController();
    let networks: Parameters<typeof docker>[0] = { [NETWORK_ID]: ['fw500'] };
    let time = 0;
    const print = (line: string) => {
      if (line.includes('new')) ended.abort();
      else {
        networks = { [OTHER_ID]: ['fw500'] };
        time += 60_000;
        site.bus.emit({ type: 'link.made', link: 'new', network: OTHER_ID });
      }
    };
    site.bus.emit({ type: 'link.made', link: 'old', network: NETWORK_ID });
    const parts = { print, ended: ended.signal, now: () => time };
    const asked: RunDocker = (...words) => docker(networks)(...words);
    expect(await site.type('events -f --network fw500', { ...parts, docker: asked })).toMatchObject(
      {
        exit: 0,
      },
    );
  });
});

it('a label of an image cannot give another container a service, nor move the cursor', async () => {
  const id = '1'.repeat(64);
  const label = `x\n${'2'.repeat(64)}\towned\u001b[2J`;
  const asked: string[] = [];
  const known: RunDocker = (...words) => {
    asked.push(words.join(' '));
    if (words[0] !== 'ps') return knowing(...words);
    const json = words.join(' ').includes('{{json (.Label');
    return Promise.resolve(json ? `${id}\t${JSON.stringify(label)}\t""\n` : `${id}\t${label}\t\n`);
  };
  const names = await readNames(known);
  expect(names.container(BOX)?.service).toBe(label);
  expect(names.container({ endpoint: 'd'.repeat(64), mac: '' })?.service).toBeUndefined();
  const { printed } = await site.type('lease box', { docker: known });
  expect(printed).toMatch(/^Service +x\?2+\?owned\?\[2J$/m);
});

describe('a clock that was set back', () => {
  const past = () =>
    site.bus.emit({ type: 'lease.renewed', ...ofBox, family: 4, address: '10.50.0.23' });

  it('a renewal of before is no answer', async () => {
    site.leases = [BOX];
    past(); // by the clock of then, which is ahead of now
    const parts = { now: () => 0, answerWithinMs: 100 };
    expect(await site.type('renew box', parts)).toMatchObject({ exit: 2 });
  });

  it.each([0, Date.UTC(2040, 1)])('leases --watch shows a change at %i', async (now) => {
    for (let count = 0; count < 50; count += 1) past();
    const ended = new AbortController();
    let lists = 0;
    const print = () => {
      lists += 1;
      if (lists === 1) setImmediate(past);
      if (lists === 2) ended.abort();
    };
    await site.type('leases --watch', { print, ended: ended.signal, now: () => now });
    expect(lists).toBe(2);
  });
});

describe('--format', () => {
  it('an empty one is none, as for Docker; one without an end is refused', async () => {
    const usual = await site.type('leases');
    expect(await site.type("leases --format ''")).toEqual(usual);
    expect((await site.type("leases --format 'x {{.Address'")).error).toBe(
      '--format has a {{ without its }}: x {{.Address',
    );
  });

  it.each([
    ['json', /^\{"Time":.*\}\n\{"Time":.*\}\n$/],
    ['table', /^TIME .*\n.*renewed.*\n.*renewed.*\n$/],
    ["'table {{.Type}}'", /^TYPE\nlease\.renewed\nlease\.renewed\n$/],
  ])('events --follow --format %s is the same as without --follow', async (format, expected) => {
    const renewed = () =>
      site.bus.emit({ type: 'lease.renewed', ...ofBox, family: 4, address: '10.50.0.23' });
    renewed();
    renewed();
    expect((await site.type(`events --format ${format}`)).printed).toMatch(expected);
    const ended = new AbortController();
    let printed = '';
    const print = (line: string) => {
      printed += `${line}\n`;
      if (printed.match(/renewed/g)?.length === 2) ended.abort();
    };
    await site.type(`events -f --format ${format}`, { print, ended: ended.signal });
    expect(printed).toMatch(expected);
  });
});
