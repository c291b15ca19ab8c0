import { describe, expect, it } from 'vitest';
import { parseSubnet } from '../../../plugin/wire/subnet.ts';
import { ADDRESS, ip, lease } from '../../support/frames/messages.ts';
import { ClientRig } from './client-rig.ts';

const net = (text: string) => parseSubnet(text)!;
const bounds = {
  within: [net('192.0.2.0/24'), net('192.0.2.32/27')],
  except: [ip('192.0.2.40')],
};
const ignored = ['ignored address-out-of-bounds'];

describe('only addresses within bounds will do', () => {
  it.each(['192.0.3.50', '192.0.2.31', '192.0.2.64', '192.0.2.40', '10.0.0.1'])(
    'an OFFER of %s is passed over',
    (address) => {
      const rig = new ClientRig({ bounds }).do({ type: 'start' }).offer({ address: ip(address) });
      expect([rig.name, rig.summary]).toEqual(['SELECTING', ignored]);
      expect(rig.offer({ address: ADDRESS }).name).toBe('REQUESTING');
    },
  );

  it.each(['192.0.2.32', '192.0.2.63'])('%s is within', (address) => {
    const rig = new ClientRig({ bounds }).do({ type: 'start' }).offer({ address: ip(address) });
    expect(rig.name).toBe('REQUESTING');
  });

  it('an ACK of another address is passed over', () => {
    const rig = new ClientRig({ bounds }).do({ type: 'start' }).offer();
    expect(rig.ack({ address: ip('192.0.2.40') }).summary).toEqual(ignored);
    expect(rig.ack().name).toBe('BOUND');
  });

  it('also to a renewal: the lease in use stays', () => {
    const rig = new ClientRig({ bounds }).bound().tick();
    expect(rig.name).toBe('RENEWING');
    expect(rig.ack({ address: ip('192.0.2.99') }).summary).toEqual(ignored);
    expect(rig.name).toBe('RENEWING');
  });

  it('without bounds any will do', () => {
    expect(new ClientRig().bound({ address: ip('10.0.0.1') }).name).toBe('BOUND');
  });
});

describe('a lease from before', () => {
  it('within bounds is asked for again (RFC 2131 §3.2)', () => {
    const rig = new ClientRig({ bounds }).do({ type: 'start', previous: lease() });
    expect(rig.name).toBe('REBOOTING');
  });

  it.each(['192.0.2.99', '192.0.2.40'])(
    'out of them is not, nor wished for, nor used when nobody answers: %s',
    (address) => {
      const previous = lease({ address: ip(address) });
      const rig = new ClientRig({ bounds }).do({ type: 'start', previous });
      expect([rig.name, rig.summary]).toEqual(['SELECTING', ['send DISCOVER to broadcast']]);
      expect(rig.sent[0]!.options.has(50)).toBe(false);
      expect(rig.at(10_000).name).toBe('SELECTING');
    },
  );
});
