// A few stories, line by line, for people to read: test/sim/golden/*.txt. `vitest -u` writes them
// anew.
import { expect, it } from 'vitest';
import { ADDRESS, ip, mac, SERVER, SERVER_MAC } from '../support/frames/messages.ts';
import { ScriptedServer } from '../support/lan/scripted-server.ts';
import { VirtualLan } from '../support/lan/virtual-lan.ts';

const MINUTE = 60_000;
const SETTINGS = { serverId: SERVER, mac: SERVER_MAC, pool: [ADDRESS, ip('192.0.2.51')] };

it('a lease from DISCOVER to RELEASE', async () => {
  const lan = new VirtualLan(1);
  lan.addServer(new ScriptedServer({ ...SETTINGS, leaseSec: 3600 }));
  const client = lan.addClient('web-1', { acd: true });
  client.do({ type: 'start' });
  lan.runUntil(70 * MINUTE);
  client.do({ type: 'release' });
  lan.runUntil(71 * MINUTE);
  await expect(transcript(lan)).toMatchFileSnapshot('golden/lease-to-release.txt');
});

it('a server that dies, and another that takes over', async () => {
  const lan = new VirtualLan(2);
  const one = lan.addServer(new ScriptedServer({ ...SETTINGS, leaseSec: 600 }));
  const client = lan.addClient('web-1');
  client.do({ type: 'start' });
  lan.runUntil(MINUTE);
  one.mood = 'deaf';
  lan.runUntil(12 * MINUTE);
  lan.addServer(
    new ScriptedServer({
      serverId: ip('192.0.2.2'),
      mac: mac('02:00:00:00:00:02'),
      pool: [ip('192.0.2.200')],
      leaseSec: 600,
    }),
  );
  lan.runUntil(14 * MINUTE);
  await expect(transcript(lan)).toMatchFileSnapshot('golden/server-takeover.txt');
});

it('an address in use, a lossy wire, a refused renewal', async () => {
  const lan = new VirtualLan(6, {
    loss: 0.3,
    duplication: 0.3,
    leastDelayMs: 1,
    mostDelayMs: 1500,
  });
  const server = new ScriptedServer({ ...SETTINGS, leaseSec: 600, refusesStrangers: true });
  lan.addServer(server);
  lan.occupied.add(ADDRESS);
  const client = lan.addClient('web-1', { acd: true });
  client.do({ type: 'start' });
  lan.runUntil(4 * MINUTE);
  server.forgetLeases();
  lan.runUntil(11 * MINUTE);
  await expect(transcript(lan)).toMatchFileSnapshot('golden/conflict-and-refusal.txt');
});

function transcript(lan: VirtualLan): string {
  return `${lan.transcript.join('\n')}\n`;
}
