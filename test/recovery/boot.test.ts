/**
 * A host boots with many containers and no DHCP server. Nothing hangs, and every container gets an
 * address in the end.
 */
import { it } from 'vitest';
import {
  attachment,
  docker,
  firewallReaches,
  lab,
  networkCommand,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';
import { isRunning, powerCut, runBox } from './rows.ts';

site();

const TEN = Array.from({ length: 10 }, (_, index) => index);

it('20 containers with --restart=always: those with a lease run at once, late ones get their address', async () => {
  await lab('server-up', 'dnsmasq-no-ping', '500', '600');
  await docker(...networkCommand('fw500'));
  const late = ['parent=eth1', 'vlan=600', 'on_no_server=late', 'lease_timeout=2s'];
  await docker(...networkCommand('fw600', late));
  const kept = TEN.map((index) => `kept${index}`);
  const addressless = TEN.map((index) => `late${index}`);
  for (const name of kept) await runBox(name, '--restart=always');
  for (const name of addressless) {
    await docker('run', '-d', '--restart=always', '--name', name, '--net=fw600', 'bb');
  }
  const addresses = await Promise.all(kept.map(async (name) => attachment(name, 'fw500')));
  await lab('server-down');
  await powerCut([...kept, ...addressless]);

  const startedAt = performance.now();
  await lab('engine-up');
  await docker('ps');
  const answeredAfterMs = performance.now() - startedAt;
  process.stdout.write(`docker ps answered after ${Math.round(answeredAfterMs)} ms\n`);
  for (const name of [...kept, ...addressless]) {
    await until(`${name} runs`, () => isRunning(name));
  }
  for (const { address } of addresses) {
    await until(`${address} is reached`, () => firewallReaches(address));
  }

  await lab('server-up', 'dnsmasq-no-ping', '500', '600');
  const lateAddress = async (name: string) => {
    const shown = await run('docker', ['exec', name, 'ip', '-4', '-o', 'addr', 'show', 'eth0']);
    return / (10\.60\.0\.\d+)\//.exec(shown.stdout)?.[1];
  };
  for (const name of addressless) {
    let address: string | undefined;
    const hasAddress = async () => (address = await lateAddress(name)) !== undefined;
    await until(`${name} has an address`, hasAddress, 70_000);
    await until(`${address} is reached`, () => firewallReaches(address!));
  }
  await removeAllContainersAndNetworks();
}, 900_000); // each wait has its own limit
