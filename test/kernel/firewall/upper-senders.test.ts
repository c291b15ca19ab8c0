/**
 * Below macvlan links: only the MACs of our containers leave by the VLAN link. Frames are sent from
 * a container as a program with NET_RAW sends them, and looked for on the trunk.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { guardSenders } from '../../../plugin/net/guard/protection.ts';
import { forgetSenders } from '../../../plugin/net/guard/senders.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { sendFromLink } from '../../../plugin/net/sockets/link-sender.ts';
import { parseMac } from '../../../plugin/wire/address.ts';
import { FrameTaps, whatPasses, type Tap } from '../../support/frames/frame-taps.ts';
import { dhcp, ipv4, MAC, udp, type NamedFrame } from '../../support/frames/guard-frames.ts';
import { addParent, enterSandbox, ip, until, type Sandbox } from '../../support/lab/netns.ts';

const SEGMENT = {
  ...{ parent: 'eth1', vlan: 500, bridge: undefined, mtu: undefined },
  ...({ mode: 'macvlan', guard: 'mac' } as const),
};

describe('the MACs that may leave below macvlan links', () => {
  const frameFrom = (mac: readonly number[]): NamedFrame => [
    mac.join(),
    [...Array<number>(6).fill(255), ...mac, 0x08, 0x00, ...ipv4(1, [8, 0]).slice(14)],
  ];
  const octets = (last: number) => [2, 0, 0, 0, 1, last];
  const named = (last: number) => (last === 0 ? MAC : parseMac(`02:00:00:00:01:0${last}`)!);
  const containerWith = (last: number) =>
    linuxHost.ensureEndpointLink({
      ...{ hostEnd: undefined, containerEnd: `vdc${last}`, mac: named(last), mtu: 1500 },
      connection: { kind: 'macvlan', lower: 'eth1.500', mode: 'bridge' },
    });
  const network = { ...SEGMENT, vlanLink: 'eth1.500' };
  let sandbox: Sandbox;
  let witness: Tap;
  let sender: Tap;
  const taps = new FrameTaps();
  const passing = async () =>
    (await whatPasses([1, 2, 3].map(octets).map(frameFrom), sender, witness)).map((mac) =>
      mac.slice(-1),
    );

  beforeEach(async () => {
    sandbox = enterSandbox();
    addParent('eth1', 'port1');
    await linuxHost.ensureNetworkLinks(SEGMENT);
    expect(await containerWith(0)).toEqual([]);
    const container = sandbox.addNamespace();
    ip(`link set dev vdc0 netns ${container.name}`);
    container.run(() => ip('link set dev vdc0 name eth0 up'));
    ip('link add link port1 name lan500 type vlan id 500');
    ip('link set dev lan500 up');
    witness = taps.open('lan500');
    sender = taps.open('eth0', container.path);
  });

  afterEach(() => {
    taps.close();
    sandbox.dispose();
  });

  test('are those of containers that are there, one by one', async () => {
    expect(await passing()).toEqual([]);
    await Promise.all([1, 2].map(containerWith));
    expect(await passing()).toEqual(['1', '2']);
    await linuxHost.removeEndpointLink('vdc1');
    expect(await passing()).toEqual(['2']);
    await expect(containerWith(2)).resolves.toEqual([]); // made anew
    expect(await passing()).toEqual(['2']);
  });

  test('are all while the plugin does not know its containers yet, and then those it knows', async () => {
    forgetSenders('eth1.500'); // like after a restart
    await containerWith(1);
    await linuxHost.protectNetwork({ ...network, senders: undefined });
    expect(await passing()).toEqual(['1', '2', '3']);
    const senders = [
      { end: 'vdc0', mac: named(0) },
      { end: 'vdc3', mac: named(3) },
    ];
    await linuxHost.protectNetwork({ ...network, senders: () => senders });
    expect(await passing()).toEqual(['1', '3']);
  });

  test('are all with guard=off', async () => {
    await linuxHost.protectNetwork({ ...network, guard: 'off', senders: () => [] });
    expect(await passing()).toEqual(['1', '2', '3']);
  });

  test('a lease of a container that is gone is given back: its MAC may ask DHCP servers, and no more', async () => {
    const from = frameFrom(octets(3))[1].slice(0, 14);
    const request = ipv4(17, udp(68, 67, dhcp(octets(3)))).slice(14);
    const other = ipv4(17, udp(68, 69, dhcp(octets(3)))).slice(14);
    const frames: NamedFrame[] = [
      ['a request', [...from, ...request]],
      ['another datagram', [...from, ...other]],
    ];
    expect(await whatPasses(frames, sender, witness)).toEqual(['a request']);
  });

  test('what the plugin itself sends for a container without a link passes', () => {
    const [, frame] = frameFrom(octets(3));
    sendFromLink('eth1.500', Uint8Array.from(frame));
    const sent = Buffer.from(frame).toString('hex');
    return until('it is seen', () => witness.seen.some((one) => one.startsWith(sent)));
  });

  test('changing the list costs little', async () => {
    const known = Array.from({ length: 250 }, (_, at) => ({
      end: `vdx${at}`,
      mac: parseMac(`02:00:00:00:02:${at.toString(16).padStart(2, '0')}`)!,
    }));
    await linuxHost.protectNetwork({ ...network, senders: () => known });
    const from = performance.now();
    for (let count = 0; count < 20; count += 1) await guardSenders('eth1.500');
    const each = (performance.now() - from) / 20;
    process.stdout.write(`a list of 250 MACs is put in force in ${each.toFixed(1)} ms\n`);
    expect(await passing()).toEqual([]);
  });
});
