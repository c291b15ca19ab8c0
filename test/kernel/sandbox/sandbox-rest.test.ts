/**
 * A container's lease between renewals, on real links. Nothing of ours is in the container's
 * network namespace. So the namespace ends with its link when the container ends. Its address is
 * defended all the same.
 */
import { NO_IPV6_SOCKETS } from '../../support/frames/ipv6-sockets.ts';
import { existsSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeArpFrame, encodeArpFrame } from '../../../plugin/acd/frame.ts';
import { createClock } from '../../../plugin/clock.ts';
import { LeaseService } from '../../../plugin/leasing/lease-service.ts';
import { boottime } from '../../../plugin/net/boottime.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { openArpSocket } from '../../../plugin/net/sockets/arp-socket.ts';
import { arpFilter } from '../../../plugin/net/sockets/filter.ts';
import { openLeaseSocket } from '../../../plugin/net/sockets/lease-socket.ts';
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { ip as address, lease, mac } from '../../support/frames/messages.ts';
import { addParent, enterSandbox, ip, until, type Sandbox, type TestNamespace } from '../../support/lab/netns.ts'; // prettier-ignore

const CONTAINERS = 5;
const STRANGER = mac('02:00:00:00:00:99');
const clock = createClock(boottime);
const macOf = (index: number) => mac(`02:00:00:00:0d:0${index}`);
const addressOf = (index: number) => address(`10.50.0.10${index}`);
const descriptors = () => readdirSync('/proc/self/fd').length;

let sandbox: Sandbox;
let leases: LeaseService;
let containers: TestNamespace[];
let entered: string[];
let far: PacketSocket;
let announced: string[];

beforeEach(async () => {
  [entered, announced, containers] = [[], [], []];
  leases = new LeaseService({
    ...{ clock, random: Math.random, log: new MemoryLogger() },
    ...{ openSocket: openLeaseSocket, openArpSocket, onChange: () => undefined },
    ...NO_IPV6_SOCKETS,
    // The real probe reads /sys, which is the machine's here: see sandbox-link.test.ts.
    probeSandbox: ({ netnsPath }) => (existsSync(netnsPath) ? { link: 'eth0' } : 'not-yet'),
    onEntered: (key) => void entered.push(key),
  });
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  ip('link set port1 up');
  const links = { parent: 'eth1', vlan: undefined, bridge: 'br0', mtu: undefined };
  await linuxHost.ensureNetworkLinks(links);
  far = openPacketSocket({
    ...{ link: 'port1', netnsPath: undefined, promiscuous: true, protocol: 'arp' },
    filter: arpFilter(),
    onFrame: (frame) => void announced.push(decodeArpFrame(frame).senderAddress),
    onError: () => undefined,
  });
});
afterEach(() => {
  leases.close();
  far.close();
  sandbox.dispose();
});

const FROM_BRIDGE = {
  fallback: { link: 'br0', promiscuous: true },
  inside: { speaksVia: 'br0', defendsFrom: 'br0' },
};

/** Starts a container that has had its lease for a while. */
async function start(index: number): Promise<void> {
  const own = macOf(index);
  const [hostEnd, containerEnd] = [`vdh${index}`, `vdc${index}`];
  const rules = { mode: 'mac', mac: own, addresses: [], leases: true, noServer: false } as const;
  const veth = { hostEnd, containerEnd, mac: own, mtu: 1500 };
  await linuxHost.ensureEndpointLink({
    ...veth,
    connection: { kind: 'veth', bridge: 'br0', rules },
  });
  const container = sandbox.addNamespace();
  containers.push(container);
  ip(`link set ${containerEnd} netns ${container.name} name eth0`);
  ip(`-n ${container.name} link set eth0 up`);
  const clientId = Uint8Array.of(1, 2, 0, 0, 0, 0x0d, index);
  const identity = { mac: own, clientId, hostName: undefined, requestedAddress: undefined };
  leases.resume(
    {
      ...{ key: `endpoint${index}`, identity, mtu: 1500, segment: 'eth1 (untagged)' },
      ...{ acd: 'optimistic', allowedServers: [], rapidCommit: false },
    },
    lease({
      ...{ address: addressOf(index), requestedAt: clock.now() },
      ...{ t1At: Infinity, t2At: Infinity, expiresAt: Infinity },
    }),
    { follow: { netnsPath: container.path, hostEnd, containerEnd, ...FROM_BRIDGE } },
  );
}

test('five containers have one descriptor, a claim on one is answered from its link, and a namespace goes with its container', async () => {
  const before = descriptors();
  for (let index = 0; index < CONTAINERS; index += 1) await start(index);
  await until('all were entered', () => entered.length === CONTAINERS);
  await until('all were announced', () => new Set(announced).size === CONTAINERS);
  await until('one descriptor is left', () => descriptors() === before + 1);

  announced.length = 0;
  const claim = { operation: 'reply', senderMac: STRANGER, senderAddress: addressOf(3) } as const;
  far.send(encodeArpFrame({ ...claim, targetMac: STRANGER, targetAddress: addressOf(3) }));
  await until('the claim was answered', () => announced.length > 0);
  expect(announced).toEqual([addressOf(3)]);
  expect(leases.claimsOn('endpoint3')).toMatchObject({ by: STRANGER, defences: 1 });
  await until('that socket is closed, too', () => descriptors() === before + 1);

  expect(leases.hasLostSandbox('endpoint3')).toBe(false);
  containers[3]!.delete();
  await until('the link went with the container', () => !linuxHost.linkExists('vdh3'));
  expect(leases.hasLostSandbox('endpoint3')).toBe(true);
  expect(leases.hasLostSandbox('endpoint2')).toBe(false);
});
