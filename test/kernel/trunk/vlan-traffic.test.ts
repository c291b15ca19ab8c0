import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ensureVethPort } from '../../../plugin/net/endpoints/veth-port.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { openPacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import type { PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { parseMac } from '../../../plugin/wire/address.ts';
import { addParent, enterSandbox, ip, mayLeaveOutVlans, until } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;
let sockets: PacketSocket[] = [];

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});

afterEach(() => {
  for (const socket of sockets) socket.close();
  sockets = [];
  sandbox.dispose();
});

/** A program that accepts every frame. */
const EVERYTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0x40000 }];
/** An EtherType for local experiments (IEEE 802). No other frame on the link has it. */
const EXPERIMENTAL = [0x88, 0xb5];

/**
 * Hears everything on the link. `seen` has the last octet of each frame, with the tags that are
 * left in it. The kernel moves the outer tag out of a frame. To see that tag, read at the far end
 * of the wire, `port1`.
 */
function tap(link: string): { socket: PacketSocket; seen: string[]; strays(): number } {
  const seen: string[] = [];
  const socket = openPacketSocket({
    link,
    netnsPath: undefined,
    filter: EVERYTHING,
    promiscuous: true,
    protocol: 'ipv4',
    onFrame: (frame) => {
      if (frame[12] === EXPERIMENTAL[0] && frame[13] === EXPERIMENTAL[1]) {
        seen.push(String(frame.at(-1)));
      }
    },
    onError: () => undefined,
  });
  sockets.push(socket);
  return { socket, seen, strays: () => socket.strayFramesDropped() };
}

function frame(mark: number, vid?: number): Uint8Array {
  const tag = vid === undefined ? [] : [0x81, 0x00, vid >> 8, vid & 255];
  const header = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x99, ...tag, ...EXPERIMENTAL];
  return Uint8Array.from([...header, ...new Uint8Array(45), mark]);
}

async function addContainer(name: string, bridge: string): Promise<void> {
  const mac = parseMac(`02:00:00:00:00:0${name.at(-1)}`)!;
  const rules = { mode: 'off', mac, addresses: [], leases: false, noServer: false } as const;
  const ends = { hostEnd: `h${name}`, containerEnd: name };
  await ensureVethPort({ ...ends, mac, mtu: 1500, bridge, rules });
}

describe.skipIf(mayLeaveOutVlans())('VLANs stay apart', () => {
  test('untagged network on a trunk: no tagged frame gets in, and none gets out', async () => {
    await ensureNetworkLinks({ parent: 'eth1', vlan: undefined, bridge: 'br0', mtu: undefined });
    await addContainer('c1', 'br0');
    const trunk = tap('port1');
    const container = tap('c1');
    await until('an untagged frame gets in', () => {
      trunk.socket.send(frame(1));
      return container.seen.length > 0;
    });
    for (const vid of [1, 5, 500, 4093]) trunk.socket.send(frame(2, vid));
    trunk.socket.send(frame(3));
    await until('the last one gets in', () => container.seen.includes('3'));
    expect(container.seen).not.toContain('2');
    expect(container.strays()).toBe(0);

    const straysBefore = trunk.strays();
    for (const vid of [1, 5, 500]) container.socket.send(frame(4, vid));
    container.socket.send(frame(5));
    await until('the untagged one gets out', () => trunk.seen.includes('5'));
    expect(trunk.seen).not.toContain('4');
    expect(trunk.strays()).toBe(straysBefore);
  });

  test('tagged network: its containers hear their VLAN and no other, and speak with its tag only', async () => {
    await ensureNetworkLinks({ parent: 'eth1', vlan: 500, bridge: 'br5', mtu: undefined });
    await ensureNetworkLinks({ parent: 'eth1', vlan: 600, bridge: 'br6', mtu: undefined });
    await addContainer('c5', 'br5');
    await addContainer('c6', 'br6');
    ip('link add link port1 name port1.500 type vlan id 500');
    ip('link set dev port1.500 up');
    const trunk = tap('port1');
    const far = tap('port1.500');
    const [c5, c6] = [tap('c5'), tap('c6')];
    await until('frames get in', () => {
      trunk.socket.send(frame(1, 500));
      trunk.socket.send(frame(2, 600));
      trunk.socket.send(frame(3, 700));
      trunk.socket.send(frame(4));
      return c5.seen.length > 0 && c6.seen.length > 0;
    });
    c5.socket.send(frame(5));
    await until('a frame gets out with the tag', () => far.seen.includes('5'));
    expect(new Set(c5.seen)).toEqual(new Set(['1']));
    expect(new Set(c6.seen)).toEqual(new Set(['2']));
    expect(trunk.seen).not.toContain('5');
  });

  test('two untagged and tagged networks of one parent do not hear each other', async () => {
    await ensureNetworkLinks({ parent: 'eth1', vlan: undefined, bridge: 'br0', mtu: undefined });
    await ensureNetworkLinks({ parent: 'eth1', vlan: 500, bridge: 'br5', mtu: undefined });
    await addContainer('c1', 'br0');
    await addContainer('c5', 'br5');
    const trunk = tap('port1');
    const [c1, c5] = [tap('c1'), tap('c5')];
    await until('frames get in', () => {
      trunk.socket.send(frame(1));
      trunk.socket.send(frame(2, 500));
      return c1.seen.length > 0 && c5.seen.length > 0;
    });
    c1.socket.send(frame(3));
    c5.socket.send(frame(4));
    await until('the untagged one gets out', () => trunk.seen.includes('3'));
    expect(new Set(c1.seen)).toEqual(new Set(['1']));
    expect(new Set(c5.seen)).toEqual(new Set(['2']));
  });
});
