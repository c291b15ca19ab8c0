// Rapid commit (RFC 4039): the lease in one round trip, if client and server both want it.
import { describe, expect, it } from 'vitest';
import { OPTION } from '../../../plugin/dhcp4/options.ts';
import { ADDRESS, ip } from '../../support/frames/messages.ts';
import type { ReplyParts } from '../../support/frames/messages.ts';
import { ClientRig } from './client-rig.ts';

const COMMITTED: ReplyParts = { options: [[OPTION.RAPID_COMMIT, new Uint8Array()]] };
const asking = (config = {}) =>
  new ClientRig({ rapidCommit: true, ...config }).do({ type: 'start' });

describe('rapid commit', () => {
  it('is asked for by an empty option 80 in DISCOVER, and only when it is wanted (RFC 4039 §4)', () => {
    expect(asking().sent[0]!.options.get(OPTION.RAPID_COMMIT)).toEqual(new Uint8Array());
    expect(new ClientRig().do({ type: 'start' }).sent[0]!.options.has(80)).toBe(false);
    const request = asking().offer().sent[0]!;
    expect(request.options.has(OPTION.RAPID_COMMIT)).toBe(false);
  });

  it('takes the lease from an ACK with option 80: one round trip (RFC 4039 §3.1)', () => {
    const rig = asking().ack(COMMITTED);
    expect([rig.name, ...rig.summary]).toEqual(['BOUND', 'lease acquired']);
  });

  it('ignores an ACK without option 80 in SELECTING', () => {
    const rig = asking().ack();
    expect([rig.name, ...rig.summary]).toEqual(['SELECTING', 'ignored no-rapid-commit']);
  });

  it('ignores an ACK with option 80 that it did not ask for', () => {
    const rig = new ClientRig().do({ type: 'start' }).ack(COMMITTED);
    expect([rig.name, ...rig.summary]).toEqual(['SELECTING', 'ignored unexpected-in-state']);
  });

  it('goes on with REQUEST when a server answers with an OFFER', () => {
    const rig = asking().offer();
    expect([rig.name, ...rig.summary]).toEqual(['REQUESTING', 'send REQUEST to broadcast']);
    expect(rig.ack().name).toBe('BOUND');
  });

  it('does not spare the check of the address (RFC 2131 §4.4.1)', () => {
    const rig = asking({ acd: true }).ack(COMMITTED);
    expect([rig.name, ...rig.summary]).toEqual(['CHECKING', `check ${ADDRESS}`]);
  });

  it.each<[string, ReplyParts, object]>([
    ['server-not-allowed', COMMITTED, { allowedServers: [ip('192.0.2.9')] }],
    ['address-not-requested', COMMITTED, { requestedAddress: ip('192.0.2.77') }],
    ['no-server-id', { ...COMMITTED, serverId: null }, {}],
    ['no-lease-time', { ...COMMITTED, leaseSec: null }, {}],
    ['xid-mismatch', { ...COMMITTED, xid: 7 }, {}],
  ])('refuses what any ACK is refused for: %s', (reason, parts, config) => {
    const rig = asking(config).ack(parts);
    expect([rig.name, ...rig.summary]).toEqual(['SELECTING', `ignored ${reason}`]);
  });

  it('is not asked for after a conflict: an OFFER can be passed over, an ACK cannot', () => {
    const rig = asking({ acd: true }).ack(COMMITTED).do({ type: 'checked', inUse: true }).tick();
    expect(rig.summary).toEqual(['send DISCOVER to broadcast']);
    expect(rig.sent[0]!.options.has(OPTION.RAPID_COMMIT)).toBe(false);
    expect(rig.ack(COMMITTED).name).toBe('SELECTING');
  });

  it('counts the lease from the first DISCOVER that the ACK may answer', () => {
    const rig = asking().tick().tick();
    rig.now += 100;
    expect(rig.ack(COMMITTED).state).toMatchObject({ lease: { requestedAt: 0 } });
  });

  it('does not count a lease from a DISCOVER of long ago: a short lease would be over at once', () => {
    const rig = asking();
    while (rig.now < 600_000) rig.tick();
    const sentAt = rig.now;
    rig.now += 100;
    const { state } = rig.ack({ ...COMMITTED, leaseSec: 30 });
    expect(state).toMatchObject({ name: 'BOUND', lease: { requestedAt: sentAt } });
  });
});
