/**
 * The files of `examples/`, run by Docker Compose as a person runs them, and what Compose says of a
 * network that cannot be made as written.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { leasesAtServer } from '../support/modes/addressing-modes.ts';
import {
  attachment,
  docker,
  firewallComesToReach,
  firewallReaches,
  lab,
  until,
} from '../support/lab/lab.ts';
import { root } from '../support/pages/readme.ts';
import { site } from '../support/lab/site.ts';

const place = site({ server: ['dnsmasq-no-ping', '500', '600'] });
beforeAll(async () => {
  for (const image of ['asterisk', 'web', 'proxy']) await lab('image-load', image);
});

/** `docker compose` with a file of `examples/`. The names of its containers begin with `site-`. */
const compose = (file: string, ...words: string[]) =>
  lab('compose', '-p', 'site', '-f', join(root, 'examples', file), ...words);

/** `docker compose` with a network that is written in one line of YAML. */
async function composeWith(network: string, ...words: string[]): Promise<string> {
  const file = '/run/lab/typed.yaml';
  const service = 'services: { web: { image: web:latest, networks: [fw500] } }';
  await writeFile(file, `${service}\nnetworks: { fw500: { ${network} } }\n`);
  return lab('compose', '-p', 'site', '-f', file, ...words);
}

const addressOf = async (service: string, network: string, number = 1) =>
  (await attachment(`site-${service}-${number}`, `site_${network}`)).address;

/** The addresses of a service with several containers. All differ, and the firewall reaches all. */
async function allOf(service: string, network: string, count: number): Promise<string[]> {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const addresses = await Promise.all(numbers.map((n) => addressOf(service, network, n)));
  expect(new Set(addresses).size).toBe(count);
  await Promise.all(addresses.map(firewallComesToReach));
  return addresses;
}

/** Nothing of the project is left: no container, network, link or lease. */
async function expectNothingLeft(): Promise<void> {
  expect(await docker('ps', '-aq')).toBe('');
  expect(await docker('network', 'ls', '-q', '--filter', 'driver=vlandhcp')).toBe('');
  await until('the links are as before', async () => (await place.leftLinks()).length === 0);
  await until('the leases are given back', async () => (await leasesAtServer()).length === 0);
}

describe('examples/one-service.yaml', () => {
  it('keeps its address over restart and up --force-recreate, and down leaves nothing', async () => {
    await compose('one-service.yaml', 'up', '-d');
    const first = await attachment('site-asterisk-1', 'site_fw500');
    expect(first.mac).toBe('02:74:52:1f:fe:e0');
    expect(first.address).toMatch(/^10\.50\.0\.1\d\d$/);
    await firewallComesToReach(first.address);
    for (const words of [['restart'], ['up', '-d', '--force-recreate']]) {
      await compose('one-service.yaml', ...words);
      expect(await attachment('site-asterisk-1', 'site_fw500')).toEqual(first);
      await firewallComesToReach(first.address);
    }
    expect(await leasesAtServer()).toEqual([first.address]);
    await compose('one-service.yaml', 'down');
    await expectNothingLeft();
  });
});

describe('examples/two-vlans.yaml', () => {
  it('puts each service into its VLAN, one into both, and scales', async () => {
    await compose('two-vlans.yaml', 'up', '-d', '--scale', 'web=3');
    const asterisk = await addressOf('asterisk', 'fw500');
    expect(asterisk).toMatch(/^10\.50\.0\.1\d\d$/);
    await firewallComesToReach(asterisk);
    for (const address of await allOf('web', 'fw600', 3)) {
      expect(address).toMatch(/^10\.60\.0\.1\d\d$/);
    }
    const routes = await docker('exec', 'site-proxy-1', 'ip', 'route');
    expect(routes.match(/default via .*/g)).toEqual([
      expect.stringMatching(/^default via 10\.50\.0\.1 /),
    ]);
    expect(routes).toContain('10.60.0.0/24 dev');
    for (const name of ['asterisk', 'web']) {
      await docker('exec', 'site-proxy-1', 'ping', '-c', '1', '-W', '2', name);
    }
    await compose('two-vlans.yaml', 'up', '-d', '--scale', 'web=1');
    expect((await docker('ps', '-q', '--filter', 'name=web')).split('\n')).toHaveLength(1);
    await compose('two-vlans.yaml', 'down');
    await expectNothingLeft();
  });
});

describe('examples/with-subnet.yaml', () => {
  it('shows the subnet, leases the address that was typed, and scales', async () => {
    await compose('with-subnet.yaml', 'up', '-d', '--scale', 'web=2');
    const shown = await docker(
      ...['network', 'inspect', '-f', '{{json .IPAM.Config}}', 'site_fw500'],
    );
    expect(JSON.parse(shown)).toEqual([{ Subnet: '10.50.0.0/24', Gateway: '10.50.0.1' }]);
    await allOf('web', 'fw500', 2);
    for (const words of [
      ['restart', 'asterisk'],
      ['up', '-d', '--force-recreate'],
    ]) {
      await compose('with-subnet.yaml', ...words);
      expect(await addressOf('asterisk', 'fw500')).toBe('10.50.0.177');
      await firewallComesToReach('10.50.0.177');
    }
    expect(await leasesAtServer()).toContain('10.50.0.177');
    await compose('with-subnet.yaml', 'down');
    await expectNothingLeft();
  });
});

describe('examples/external.yaml', () => {
  const MODES = [
    [
      'our IPAM, where the server says the subnet',
      [
        ...['network', 'create', '-d', 'vlandhcp', '--ipam-driver', 'vlandhcp'],
        ...['--ipam-opt', 'parent=eth1', '--ipam-opt', 'vlan=500', 'fw500'],
      ],
    ],
    [
      "Docker's macvlan with our IPAM",
      [
        ...['network', 'create', '-d', 'macvlan', '-o', 'parent=eth1.500'],
        ...['--ipam-driver', 'vlandhcp'],
        ...['--ipam-opt', 'parent=eth1', '--ipam-opt', 'vlan=500', 'fw500'],
      ],
    ],
  ] as const;

  it.each(MODES)('%s: two projects share the network, which stays', async (_mode, command) => {
    await docker(...command);
    await compose('external.yaml', 'up', '-d');
    await compose('external.yaml', '-p', 'other', 'up', '-d');
    const addresses = await Promise.all(
      ['site', 'other'].map(async (project) => {
        const { address } = await attachment(`${project}-web-1`, 'fw500');
        await firewallComesToReach(address);
        return address;
      }),
    );
    expect(new Set(addresses).size).toBe(2);
    const project = ['--filter', 'label=com.docker.compose.project=site'];
    await compose('external.yaml', 'down');
    expect(await docker('ps', '-q', ...project)).toBe('');
    expect(await firewallReaches(addresses[1] ?? '')).toBe(true);
    expect(await docker('network', 'ls', '-q', '--filter', 'name=fw500')).not.toBe('');
  });
});

describe('a network in a file that cannot be made as written', () => {
  const refusal = (network: string) =>
    composeWith(network, 'up', '-d').then(
      () => expect.fail('Compose made the network'),
      (err: Error) => err.message,
    );
  /** The lines for a Compose file that the error names. */
  const linesIn = (text: string) => /\(in a Compose file: (.*)\)$/m.exec(text)?.[1] ?? '';

  it('without an ipam driver: the lines of the error work', async () => {
    const text = await refusal('driver: vlandhcp, driver_opts: { parent: eth1, vlan: "500" }');
    await composeWith(linesIn(text), 'up', '-d');
    await firewallComesToReach(await addressOf('web', 'fw500'));
  });

  it('with our IPAM and no subnet: the lines of the error work', async () => {
    const text = await refusal(
      'driver: vlandhcp, driver_opts: { parent: eth1, vlan: "500" }, ipam: { driver: vlandhcp }',
    );
    const lines = /\(in a Compose file, which passes no IPAM options: (.*)\)/.exec(text)?.[1] ?? '';
    const [ipam = '', options = ''] = lines.split(' beside ');
    const typed = `driver: vlandhcp, ${ipam}, ${options}`
      .replace('SUBNET', '10.50.0.0/24')
      .replace('LINK', 'eth1')
      .replace('ID', '500');
    await composeWith(typed, 'up', '-d');
    await firewallComesToReach(await addressOf('web', 'fw500'));
  });

  it('Compose itself drops ipam options, so the plugin cannot take them from there', async () => {
    const ipam = 'ipam: { driver: vlandhcp, options: { parent: eth1, vlan: "500" } }';
    expect(await composeWith(`driver: vlandhcp, ${ipam}`, 'config')).not.toContain('parent');
  });
});
