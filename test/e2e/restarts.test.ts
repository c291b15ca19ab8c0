/** A container that is known for certain keeps its MAC and address over restarts of every kind. */
import { expect, it } from 'vitest';
import { attachment, docker, output, until } from '../support/lab/lab.ts';
import { createFw500, site } from '../support/lab/site.ts';

site({ server: ['dnsmasq-no-ping', '500'] });

const ID = 'name=fw500,driver-opt=id=pbx';
const restartsSoFar = async () =>
  Number(await output('docker', ['inspect', '-f', '{{.RestartCount}}', 'box']));

async function isAsBefore(before: { mac: string; address: string }): Promise<void> {
  await until('it has its address', async () => (await attachment('box', 'fw500')).address !== '');
  const { mac, address } = await attachment('box', 'fw500');
  expect({ mac, address }).toEqual({ mac: before.mac, address: before.address });
}

it('id=: docker restart, ten times', async () => {
  await createFw500();
  await docker('run', '-d', '--name', 'box', '--network', ID, 'bb');
  const before = await attachment('box', 'fw500');
  for (let count = 0; count < 10; count += 1) {
    await docker('restart', '-t', '0', 'box');
    await isAsBefore(before);
  }
});

it('--mac-address: docker stop and docker start, five times', async () => {
  await createFw500();
  const mac = '02:00:00:00:05:00';
  await docker('run', '-d', '--name', 'box', '--net=fw500', '--mac-address', mac, 'bb');
  const before = await attachment('box', 'fw500');
  expect(before.mac).toBe(mac);
  for (let count = 0; count < 5; count += 1) {
    await docker('stop', '-t', '0', 'box');
    await docker('start', 'box');
    await isAsBefore(before);
  }
});

it('driver-opt mac=, by docker network connect: it crashes under a restart policy, five times', async () => {
  await createFw500();
  const mac = '02:00:00:00:05:01';
  const crash = ['--restart', 'always', '--entrypoint', 'sleep', 'bb', '4'];
  await docker('create', '--name', 'box', '--net=none', ...crash);
  await docker('network', 'disconnect', 'none', 'box');
  await docker('network', 'connect', '--driver-opt', `mac=${mac}`, 'fw500', 'box');
  await docker('start', 'box');
  await until('it has an address', async () => (await attachment('box', 'fw500')).address !== '');
  const before = await attachment('box', 'fw500');
  expect(before.mac).toBe(mac);
  for (let count = 1; count <= 5; count += 1) {
    await until(`restart ${count}`, async () => (await restartsSoFar()) >= count);
    await isAsBefore(before);
  }
});
