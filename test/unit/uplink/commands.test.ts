/** The commands of hub and uplink: what they ask, print and return. The service is a stand-in. */
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addHubCommands } from '../../../plugin/hub/cli.ts';
import type { InitWanted } from '../../../plugin/hub/hub-init.ts';
import type { HubRecord } from '../../../plugin/hub/hub-records.ts';
import { tlsOf, type TlsWanted } from '../../../plugin/hub/streams/tls-wanted.ts';
import { addUplinkCommands } from '../../../plugin/uplink/cli/commands.ts';
import { ago, parseDuration } from '../../../plugin/uplink/cli/words.ts';
import { hubRecord } from '../../support/uplink/uplink-world.ts';

const NOW = Date.UTC(2026, 10, 29, 14);

async function typed(words: string, answer: unknown) {
  const asked: [string, object][] = [];
  const printed: string[] = [];
  let exit = 0;
  const around = {
    terminal: {
      print: (text: string) => void printed.push(text),
      readSecret: () => Promise.resolve('vuj1.token'),
      now: () => NOW,
      exit: (code: number) => (exit = code),
    },
    ask: (call: string, body: object) => {
      asked.push([call, body]);
      return Promise.resolve(answer);
    },
    run: () => Promise.resolve(),
    stateDir: '/nowhere',
    docker: () => Promise.resolve(),
    init: (wanted: InitWanted): Promise<HubRecord> =>
      Promise.resolve(hubRecord({ site: wanted.site, endpoints: [...wanted.endpoints] })),
    setTls: (wanted: TlsWanted | undefined): Promise<HubRecord> =>
      Promise.resolve(hubRecord({ ...(wanted && { tls: tlsOf(wanted, ['a:51820']) }) })),
    relay: (port: number) => Promise.resolve(void printed.push(`relay ${port}`)),
  };
  const program = new Command().exitOverride();
  addHubCommands(program.command('hub'), around);
  addUplinkCommands(program.command('uplink'), around);
  await program.parseAsync(words.split(' '), { from: 'user' });
  return { asked, text: printed.join('\n'), exit };
}

const status = {
  ...{ device: 'uplink0', site: 'hq', state: 'up', since: NOW - 3 * 86_400_000, name: 'laptop' },
  ...{ address: '10.83.41.3', vlans: [500, 600], mtu: 1500, fingerprint: 'aaaa-bbbb-cccc-dddd' },
  ...{ hubAddress: '10.83.41.1', way: 'udp', endpoint: '203.0.113.10:51820' },
  ...{ roundTripMs: 12.3, silentMs: 1_900, tunnel: { kind: 'kernel' }, ms: 412 },
};

describe('uplink', () => {
  it('join reads the token from the prompt, never from the command line', async () => {
    const { asked, text } = await typed('uplink join', status);
    expect(asked).toEqual([['join', { token: 'vuj1.token', device: 'uplink0', via: undefined }]]);
    expect(text)
      .toBe(`joined "hq" as 10.83.41.3 over UDP in 0.4 s; uplink0 carries VLANs 500,600 (1500 bytes)
docker network create -d vlandhcp --ipam-driver null -o parent=uplink0 -o vlan=500 fw500`);
    await expect(typed('uplink join vuj1.token', status)).rejects.toThrow(/too many arguments/);
  });

  it('join passes on the way that was typed', async () => {
    const words = 'uplink join --via ssh://hub --proxy http://a:1';
    const { asked } = await typed(words, status);
    expect(asked[0]?.[1]).toMatchObject({ via: 'ssh://hub', proxy: 'http://a:1' });
  });

  it('join says who must approve, and which key to compare', async () => {
    const { text } = await typed('uplink join', { ...status, state: 'held', vlans: [] });
    expect(text).toContain('vlandhcp hub approve laptop   (compare the key: aaaa-bbbb-cccc-dddd)');
  });

  it('status has a line for each, and 2 as its exit status if one is not up', async () => {
    const up = await typed('uplink status', { uplinks: [status] });
    expect([up.exit, up.text]).toEqual([
      0,
      'uplink0   hq   up 3 d   udp 203.0.113.10:51820   last word 2 s ago   12 ms   VLANs 500,600   kernel WireGuard',
    ]);
    const narrow = await typed('uplink status', { uplinks: [{ ...status, pathMtu: 1196 }] });
    expect(narrow.text).toMatch(/kernel WireGuard {3}narrow way, packets of 1196$/);
    const tls = { ...status, way: 'tls', endpoint: 'hub.example.net:443' };
    const overTls = await typed('uplink status', { uplinks: [tls] });
    expect(overTls.text).toContain('   tls hub.example.net:443   ');
    const both = [status, { ...status, device: 'uplink1', state: 'silent' }];
    const down = await typed('uplink status --json', { uplinks: both });
    expect([down.exit, JSON.parse(down.text)]).toEqual([2, both]);
    expect(await typed('uplink status', { uplinks: [] })).toMatchObject({
      ...{ exit: 0, text: 'this host has no uplink; join one: vlandhcp uplink join' },
    });
  });

  it('leave says whether the hub knows', async () => {
    expect((await typed('uplink leave', { device: 'uplink0', isTold: true })).text).toBe(
      'uplink0 is gone, here and at the hub',
    );
    expect((await typed('uplink leave uplink0', { device: 'uplink0', isTold: false })).text).toBe(
      'uplink0 is gone here; the hub did not answer, so type there: vlandhcp hub revoke NAME',
    );
  });
});

describe('hub', () => {
  it('init says what to start, and what the firewall must let in', async () => {
    const { text } = await typed(
      'hub init --site hq --trunk eth1 --endpoint a --endpoint b:443',
      {},
    );
    expect(text)
      .toBe(`hub of "hq": trunk eth1, UDP port 51820, tunnel network 10.83.41.0/24, members dial a or b:443
start it: systemctl enable --now vlandhcp-hub   (the firewall must let UDP 51820 in)`);
  });

  it('tls says what members dial, and what makes it so', async () => {
    const told = async (words: string) => (await typed(words, {})).text.split('\n')[0];
    expect(await told('hub tls 443')).toBe('the hub has TCP port 443, members dial wss://a/');
    expect(await told('hub tls 8443 --tls-url wss://www.example.net/x')).toBe(
      'the hub has TCP port 8443, members dial wss://www.example.net/x',
    );
    expect(await told('hub tls off')).toBe('the hub has UDP alone');
    await expect(typed('hub tls 0', {})).rejects.toThrow('--tls 0 is no TCP port from 1 to 65535');
    await expect(typed('hub tls 443 --tls-url https://a/', {})).rejects.toThrow('no such URL');
  });

  it('relay takes a port and nothing else', async () => {
    expect((await typed('hub relay', {})).text).toBe('relay 51820');
    await expect(typed('hub relay sh', {})).rejects.toThrow(/too many arguments/);
    await expect(typed('hub relay --port 0', {})).rejects.toThrow('a UDP port from 1 to 65535');
  });

  it('invite tells the token once, with what to type there', async () => {
    const made = { name: 'laptop', vlans: [500], expiresAt: NOW + 3_600_000, token: 'vuj1.x.y' };
    const { asked, text } = await typed('hub invite laptop --vlans 500 --expires 30m', made);
    expect(asked).toEqual([
      ['invite', { name: 'laptop', vlans: '500', approve: undefined, expiresMs: 1_800_000 }],
    ]);
    expect(text.split('\n').at(-1)).toBe('vuj1.x.y');
    const mesh = await typed('hub invite laptop --vlans 500 --mesh', { ...made, mesh: true });
    expect(mesh.asked).toMatchObject([['invite', { mesh: true }]]);
    expect(mesh.text).toContain('VLANs 500, in the mesh, valid until');
    await expect(typed('hub invite laptop --vlans 5 --expires soon', made)).rejects.toThrow(
      'soon is no time; write it as 30m, 1h or 1d',
    );
  });

  it('list shows members and open invitations', async () => {
    const member = {
      ...{
        name: 'laptop',
        state: 'member',
        address: '10.83.41.3',
        vlans: [500],
        host: 'l.example',
      },
      ...{ handshakeAt: NOW - 5_000, endpoint: '198.51.100.7:40130', fingerprint: 'aaaa-bbbb' },
    };
    expect((await typed('hub list', { members: [{ ...member, mesh: true }] })).text).toContain(
      'member, mesh',
    );
    const { text } = await typed('hub list', { members: [member] });
    expect(text)
      .toBe(`NAME     STATE    ADDRESS      VLANS   HOST        SEEN      FROM                 KEY
laptop   member   10.83.41.3   500     l.example   5 s ago   198.51.100.7:40130   aaaa-bbbb`);
  });
});

it.each([
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['24h', 86_400_000],
  ['1d', 86_400_000],
])('%s are %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

it('how long ago something was is told in one unit', () => {
  expect([0, 119_000, 120_000, 7_200_000, 172_800_000].map(ago)).toEqual([
    ...['0 s', '119 s', '2 min', '2 h', '2 d'],
  ]);
});
