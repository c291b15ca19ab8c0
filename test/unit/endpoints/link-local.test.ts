/** `on_no_server=link-local`: an address of RFC 3927 while no server answers, and what ends it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeArpFrame } from '../../../plugin/acd/frame.ts';
import { linkLocalCandidate } from '../../../plugin/acd/link-local.ts';
import { macToBytes } from '../../../plugin/wire/address.ts';
import { DriverRig, ENDPOINT } from '../../support/fakes/driver-rig.ts';
import { ack, ip, mac, offer } from '../../support/frames/messages.ts';
import type { Server } from '../../support/lan/memory-packet-socket.ts';

const OWN = mac('02:00:00:00:00:c1');
const STRANGER = mac('02:00:00:00:00:99');
const LEASED = { address: ip('192.0.2.50'), prefixLength: 24 };
const candidate = (others: number) =>
  linkLocalCandidate(Uint8Array.of(1, ...macToBytes(OWN)), others);
const FIRST = { address: candidate(0), prefixLength: 16 };
const SECOND = { address: candidate(1), prefixLength: 16 };

let rig: DriverRig;
const start = async (options: Record<string, string> = {}) => {
  rig = new DriverRig();
  await rig.createNetwork({
    options: {
      ...{ parent: 'eth1', vlan: '500', acd: 'off' },
      ...{ on_no_server: 'link-local', lease_timeout: '2s', ...options },
    },
  });
  rig.wire.server = () => [];
};
beforeEach(() => start());
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length, rig.wire.arpSockets]).toEqual([0, 0, []]);
});

const server: Server = ({ type, message: { xid, chaddr } }) => {
  const parts = { leaseSec: 100, t1Sec: 50, t2Sec: 80, xid, header: { chaddr } };
  if (type === 'DISCOVER') return [offer(parts)];
  return type === 'REQUEST' ? [ack(parts)] : [];
};
const changes = () => rig.host.sandboxChanges.splice(0);
const stored = () => rig.store.endpoints[0]!;
const state = () => rig.driver.status()[0]!.endpoints[0]!.state;
const probed = () =>
  rig.wire.sentArp
    .map(({ frame }) => decodeArpFrame(frame))
    .filter(({ senderAddress }) => senderAddress === '0.0.0.0')
    .map(({ targetAddress }) => targetAddress);

/** A container starts, and nobody answers. */
async function startAlone(): Promise<void> {
  const creating = rig.createEndpoint({ interface: { macAddress: OWN } });
  await rig.clock.pass(2_000);
  expect(await creating).toMatchObject({ address: undefined });
  await rig.join();
}

describe('no server answers', () => {
  it('the container gets an address that was probed three times, without gateway and routes', async () => {
    await startAlone();
    expect([state(), changes()]).toEqual(['no lease', []]);
    await rig.clock.pass(9_000);
    expect(changes()).toEqual([{ type: 'add-address', to: FIRST }]);
    expect(probed()).toEqual([FIRST.address, FIRST.address, FIRST.address]);
    expect(state()).toBe('no lease, link-local address');
    const announced = decodeArpFrame(rig.wire.sentArp.at(-1)!.frame);
    expect([announced.senderAddress, announced.senderMac]).toEqual([FIRST.address, OWN]);
  });

  it('a server that answers later: its address replaces the other one', async () => {
    await startAlone();
    await rig.clock.pass(60_000);
    changes();
    rig.wire.server = server;
    await rig.clock.pass(65_000);
    expect(changes()).toEqual([
      { type: 'add-address', to: LEASED },
      { type: 'set-gateway', via: '192.0.2.1' },
      { type: 'remove-address', from: FIRST },
    ]);
    expect(stored()).toMatchObject({ lease: LEASED, lost: undefined });
    expect(state()).toBe('leased');
  });

  it('a server that answers while the address is probed: the container never has the other one', async () => {
    await startAlone();
    rig.wire.server = server;
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([
      { type: 'add-address', to: LEASED },
      { type: 'set-gateway', via: '192.0.2.1' },
    ]);
  });

  it('another host has the address: the next one is taken', async () => {
    await startAlone();
    rig.wire.claim(FIRST.address, STRANGER);
    await rig.clock.pass(10_000);
    expect(changes()).toEqual([{ type: 'add-address', to: SECOND }]);
  });

  it('a host claims it later: it is defended once, and given up at the second claim (RFC 3927 §2.5)', async () => {
    await startAlone();
    await rig.clock.pass(20_000);
    changes();
    const before = rig.wire.sentArp.length;
    rig.wire.claim(FIRST.address, STRANGER);
    await rig.clock.pass(1_000);
    expect([changes(), rig.wire.sentArp.length - before]).toEqual([[], 1]);
    rig.wire.claim(FIRST.address, STRANGER);
    await rig.clock.pass(10_000);
    expect(changes()).toEqual([
      { type: 'remove-address', from: FIRST },
      { type: 'add-address', to: SECOND },
    ]);
  });

  it('a restart of the plugin leaves the container its address', async () => {
    await startAlone();
    await rig.clock.pass(20_000);
    changes();
    await rig.restart();
    await rig.clock.pass(30_000);
    expect([changes(), state()]).toEqual([[], 'no lease, link-local address']);
    rig.wire.server = server;
    await rig.clock.pass(65_000);
    expect(stored()).toMatchObject({ lease: LEASED });
    expect(changes().at(-1)).toEqual({ type: 'remove-address', from: FIRST });
  });

  it('guard=full: the port passes the address before the container has it', async () => {
    rig.stop();
    await start({ guard: 'full' });
    await startAlone();
    await rig.clock.pass(9_000);
    expect([...rig.host.guards.values()].at(-1)).toMatchObject({ addresses: [FIRST.address] });
  });

  it('the container goes: nothing is probed or defended any more', async () => {
    await startAlone();
    await rig.clock.pass(3_000);
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    const before = rig.wire.sentArp.length;
    await rig.clock.pass(60_000);
    expect([rig.wire.sentArp.length - before, rig.leases.size]).toEqual([0, 0]);
  });
});

describe('a lease of a running container ends because no server answers', () => {
  const run = async () => {
    rig.wire.server = server;
    await rig.createEndpoint({ interface: { macAddress: OWN } });
    await rig.join();
    await rig.clock.pass(5_000);
    rig.wire.server = () => [];
    await rig.clock.pass(115_000);
  };

  it('a link-local address takes its place', async () => {
    await run();
    expect(changes()).toEqual([
      { type: 'remove-gateway', via: '192.0.2.1' },
      { type: 'remove-address', from: LEASED },
      { type: 'add-address', to: FIRST },
    ]);
    expect(stored().lost).toMatchObject({ cause: 'expired', linkLocal: FIRST.address });
  });

  it('on_expiry=keep: the container keeps its address, and no other is probed', async () => {
    rig.stop();
    await start({ on_expiry: 'keep' });
    await run();
    expect([changes(), probed(), state()]).toEqual([[], [], 'no lease, address kept']);
  });
});
