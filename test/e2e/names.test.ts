/**
 * Names of containers on a real engine. The server is told the name that a person gave to Docker,
 * and its own DNS has it for the office, forward and back.
 */
import { beforeAll, expect, it } from 'vitest';
import { attachment, docker, lab, output, run, until } from '../support/lab/lab.ts';
import { createFw500, site } from '../support/lab/site.ts';

site({
  server: [
    ...['dnsmasq-no-ping', '500', '--', '--port=53', '--no-resolv', '--no-hosts'],
    ...['--domain=vlan.example', '--dhcp-fqdn'],
  ],
  plugin: 'managed',
});

beforeAll(async () => {
  await output('scripts/plugin', ['set', 'docker-api.source=/var/run/docker.sock']);
});

/** What the office is told by the DNS of the VLAN. */
async function officeAsks(what: string): Promise<string> {
  const words = ['busybox', 'nslookup', what, '10.50.0.1'] as const;
  const { stdout } = await run('ip', ['netns', 'exec', 'office', ...words]);
  return stdout;
}

it('docker run --name pbx: the office finds it by its name, and the name by its address', async () => {
  await createFw500();
  await docker('run', '-d', '--name', 'pbx', '--net=fw500', 'bb');
  const { address } = await attachment('pbx', 'fw500');
  await until('the office finds it', async () =>
    (await officeAsks('pbx.vlan.example')).includes(`Address: ${address}`),
  );
  expect(await officeAsks(address)).toContain('name = pbx.vlan.example');
  expect(await lab('leases')).toMatch(new RegExp(`${address.replaceAll('.', '\\.')} pbx`));
});

it('docker rename is followed; a name that a person typed stays', async () => {
  await createFw500();
  await docker('run', '-d', '--name', 'pbx', '--net=fw500', 'bb');
  await docker('rename', 'pbx', 'phone');
  await until('the server knows the new name', async () => / phone/.test(await lab('leases')));
  const typed = 'name=fw500,driver-opt=hostname=typed';
  await docker('run', '-d', '--name', 'box', '--network', typed, 'bb');
  await docker('rename', 'box', 'other');
  await until('the server knows the typed name', async () => / typed/.test(await lab('leases')));
  expect(await lab('leases')).not.toContain(' other');
});

it('after dockerd and the plugin have restarted, names are learnt again', async () => {
  await createFw500();
  await lab('engine-down');
  await lab('engine-up');
  await docker('run', '-d', '--name', 'later', '--net=fw500', 'bb');
  await until('the server knows the name', async () => / later/.test(await lab('leases')));
});
