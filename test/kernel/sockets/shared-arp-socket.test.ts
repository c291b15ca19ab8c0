/**
 * One ARP socket on the bridge serves all containers. It hears who else claims their addresses, on
 * whatever port. It is in no container's namespace. Other ARP wakes nobody.
 */
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeArpFrame, encodeArpFrame } from '../../../plugin/acd/frame.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { openArpSocket } from '../../../plugin/net/sockets/arp-socket.ts';
import { arpFilter } from '../../../plugin/net/sockets/filter.ts';
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import type { Mac } from '../../../plugin/wire/address.ts';
import type { ArpPacket } from '../../../plugin/wire/arp.ts';
import { ip as address, mac } from '../../support/frames/messages.ts';
import { addParent, enterSandbox, ip, until, type Sandbox } from '../../support/lab/netns.ts';

const BRIDGE = { link: 'br0', shared: true };
const STRANGER = mac('02:00:00:00:00:99');
const OTHER = mac('02:00:00:00:00:98');

let sandbox: Sandbox;
let far: string;
let mouth: PacketSocket;
let opened: { close(): void }[] = [];

const macOf = (index: number): Mac => mac(`02:00:00:00:0c:${index.toString(16).padStart(2, '0')}`);
const addressOf = (index: number) => address(`10.50.0.${index}`);
const links = { parent: 'eth1', vlan: undefined, bridge: 'br0', mtu: undefined };
const descriptors = () => readdirSync('/proc/self/fd').length;

beforeEach(async () => {
  opened = [];
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  const namespace = sandbox.addNamespace();
  far = namespace.path;
  ip(`link set port1 netns ${namespace.name}`);
  ip(`-n ${namespace.name} link set port1 up`);
  await linuxHost.ensureNetworkLinks(links);
  mouth = mouthAt('port1', far);
});
afterEach(() => {
  for (const one of opened) one.close();
  sandbox.dispose();
});

function mouthAt(link: string, netnsPath: string | undefined): PacketSocket {
  const socket = openPacketSocket({
    ...{ link, netnsPath, promiscuous: false, protocol: 'arp', filter: arpFilter() },
    ...{ onFrame: () => undefined, onError: () => undefined },
  });
  opened.push(socket);
  return socket;
}

/**
 * Listens for container `index`.
 * @returns the MACs and addresses of the senders, in their order.
 */
function listen(index: number, onError: (error: Error) => void = () => undefined): string[] {
  const heard: string[] = [];
  const onFrame = (frame: Uint8Array) => {
    const { senderMac, senderAddress } = decodeArpFrame(frame);
    heard.push(`${senderMac} ${senderAddress}`);
  };
  const own = { mac: macOf(index), address: addressOf(index), probes: false };
  opened.push(openArpSocket(BRIDGE, own, { onFrame, onError }));
  return heard;
}

const claim = (senderMac: Mac, index: number): ArpPacket => ({
  ...{ operation: 'request', senderMac, senderAddress: addressOf(index) },
  ...{ targetMac: mac('00:00:00:00:00:00'), targetAddress: addressOf(index) },
});
const say = (from: PacketSocket, packet: ArpPacket) => from.send(encodeArpFrame(packet));

test('each hears the claims on its own address, from beyond the uplink and from another container', async () => {
  const [one, two] = [listen(1), listen(2)];
  const rules = { mode: 'mac', mac: OTHER, addresses: [], leases: true, noServer: false } as const;
  const veth = { hostEnd: 'vdh0', containerEnd: 'vdc0', mac: OTHER, mtu: 1500 };
  await linuxHost.ensureEndpointLink({
    ...veth,
    connection: { kind: 'veth', bridge: 'br0', rules },
  });
  say(mouth, claim(macOf(1), 1)); // its own announcement
  say(mouth, claim(STRANGER, 3)); // an address of nobody here
  say(mouth, claim(STRANGER, 1));
  say(mouthAt('vdc0', undefined), claim(OTHER, 2));
  say(mouth, claim(macOf(1), 2));
  await until('all was heard', () => one.length + two.length === 3);
  expect(one).toEqual([`${STRANGER} 10.50.0.1`]);
  expect(new Set(two)).toEqual(new Set([`${OTHER} 10.50.0.2`, `${macOf(1)} 10.50.0.2`]));
});

test('two that claim the same address hear each other and everybody else', async () => {
  const heard = listen(1);
  const own = { mac: OTHER, address: addressOf(1), probes: false };
  const others: string[] = [];
  const onFrame = (frame: Uint8Array) => void others.push(decodeArpFrame(frame).senderMac);
  opened.push(openArpSocket(BRIDGE, own, { onFrame, onError: () => undefined }));
  for (const sender of [OTHER, macOf(1), STRANGER]) say(mouth, claim(sender, 1));
  await until('all was heard', () => heard.length === 2 && others.length === 2);
  expect(heard).toEqual([`${OTHER} 10.50.0.1`, `${STRANGER} 10.50.0.1`]);
  expect(others).toEqual([macOf(1), STRANGER]);
});

test('200 containers: 4 descriptors, every address is heard, and what was given up is not', async () => {
  const before = descriptors();
  const heard = Array.from({ length: 200 }, (_, index) => listen(index + 1));
  expect(descriptors() - before).toBe(4);
  const [, ...containers] = opened; // the first is the sender
  containers[149]!.close();
  containers[0]!.close();
  for (let index = 1; index <= 200; index += 1) say(mouth, claim(STRANGER, index));
  await until('the last was heard', () => heard[199]!.length === 1);
  const silent = heard.flatMap((frames, index) => (frames.length === 1 ? [] : [index + 1]));
  expect(silent).toEqual([1, 150]);
  for (const one of containers) one.close();
  await until('all descriptors are closed', () => descriptors() === before);
});

test('a unicast claim that only the container gets is not heard: nobody else believes it', async () => {
  const heard = listen(1);
  const frame = encodeArpFrame(claim(STRANGER, 1));
  frame.set(macOf(1).split(':').map((octet) => parseInt(octet, 16)), 0); // prettier-ignore
  mouth.send(frame);
  say(mouth, claim(OTHER, 1));
  await until('the other one was heard', () => heard.length > 0);
  expect(heard).toEqual([`${OTHER} 10.50.0.1`]);
});

test('all are told when the bridge goes; a new one by that name has a socket of its own', async () => {
  const lost: string[] = [];
  listen(1, (error) => lost.push(error.message));
  listen(2, (error) => lost.push(error.message));
  ip('link del br0');
  await until('both were told', () => lost.length === 2);
  expect(() => listen(3)).toThrow('br0');
  await linuxHost.ensureNetworkLinks(links);
  const heard = listen(1);
  say(mouth, claim(STRANGER, 1));
  await until('the claim was heard', () => heard.length === 1);
});
