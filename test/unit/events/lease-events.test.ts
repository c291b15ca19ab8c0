import { expect, it } from 'vitest';
import { heldEvent, leaseEvent4, leaseEvent6 } from '../../../plugin/events/lease-events.ts';

const subject = {
  ...{ key: 'e1', network: 'n1', segment: 'VLAN 500 of eth1' },
  identity: { mac: '02:00:00:00:00:01' },
};
const whose = { endpoint: 'e1', network: 'n1', segment: subject.segment, mac: '02:00:00:00:00:01' };
const lease = { address: '10.50.0.3', serverId: '10.50.0.1' };

it('a change of address has the address of before, and others have none', () => {
  const facts = { ...whose, family: 4, address: '10.50.0.3', server: '10.50.0.1' };
  expect(leaseEvent4(subject, { change: 'changed', lease }, '10.50.0.2')).toEqual({
    ...{ ...facts, type: 'lease.changed', before: '10.50.0.2' },
  });
  expect(leaseEvent4(subject, { change: 'renewed', lease }, '10.50.0.3')).toEqual({
    ...{ ...facts, type: 'lease.renewed' },
  });
});

it('how long the server and the start took is told where it is known', () => {
  const times = { answerMs: 2.3, tookMs: 1204.5 };
  const event = leaseEvent4(subject, { change: 'acquired', lease }, undefined, times);
  expect(event).toMatchObject({ type: 'lease.acquired', ...times });
});

it('what was released is given back; any other loss has its cause', () => {
  const lost = (cause: string) => leaseEvent4(subject, { change: 'lost', cause, lease }, undefined);
  expect(lost('released')).toMatchObject({ type: 'lease.given-back' });
  expect(lost('released')).not.toHaveProperty('cause');
  expect(lost('nak')).toMatchObject({ type: 'lease.lost', cause: 'nak' });
});

it('IPv6 has family 6, and a server only with a lease', () => {
  const address = { address: '2001:db8::5' };
  expect(leaseEvent6(subject, { change: 'acquired', address, lease: undefined })).toEqual({
    ...{ ...whose, type: 'lease.acquired', family: 6, address: '2001:db8::5', server: undefined },
  });
  expect(heldEvent(subject, '2001:db8::5', undefined)).toMatchObject({ family: 6 });
  expect(heldEvent(subject, '10.50.0.3', '10.50.0.1')).toMatchObject({ family: 4 });
});
