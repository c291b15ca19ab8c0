// What the options of a network add to requests, and to the choice of servers and terms.
import { describe, expect, it } from 'vitest';
import { leaseTermsOf } from '../../../plugin/dhcp4/lease-terms.ts';
import { OPTION, userClassValue } from '../../../plugin/dhcp4/options.ts';
import { buildDiscover } from '../../../plugin/dhcp4/requests.ts';
import { ack, clientConfig, ip, SERVER, SERVER_MAC } from '../../support/frames/messages.ts';
import { ClientRig } from './client-rig.ts';

const ascii = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));

describe('each question has', () => {
  const asked = (how: Parameters<typeof clientConfig>[0]) =>
    buildDiscover(clientConfig(how), { xid: 1, secs: 0 }, { wished: undefined, rapidCommit: false })
      .options;

  it('the vendor class as text (RFC 2132 §9.13), the user class with its length (RFC 3004 §4)', () => {
    const options = asked({ vendorClass: 'vlandhcp', userClass: 'voice' });
    expect(Array.from(options.get(OPTION.VENDOR_CLASS)!)).toEqual(ascii('vlandhcp'));
    expect(Array.from(options.get(OPTION.USER_CLASS)!)).toEqual([5, ...ascii('voice')]);
    expect(() => userClassValue('é')).toThrow(RangeError);
  });

  it('further codes once, after those that a lease needs', () => {
    const list = Array.from(asked({ alsoAsked: [66, 42, 224] }).get(OPTION.PARAMETER_LIST)!);
    expect(list.slice(-3)).toEqual([252, 66, 224]);
    expect(new Set(list).size).toBe(list.length);
  });

  it.each([
    ['web-1', [5, 0, 0, 5, ...ascii('web-1')]],
    ['web.lan', [5, 0, 0, 3, ...ascii('web'), 3, ...ascii('lan'), 0]],
  ])(
    'with register_dns %s in option 81 alone; one label is partial (RFC 4702 §2.3.1)',
    (hostName, value) => {
      const options = asked({ hostName, registersName: true });
      expect(Array.from(options.get(OPTION.CLIENT_FQDN)!)).toEqual(value);
      expect(options.has(OPTION.HOST_NAME)).toBe(false);
    },
  );
});

describe('dhcp_deny', () => {
  it('ignores a server by its identifier, in each message', () => {
    const rig = new ClientRig({ deniedServers: [ip('192.0.2.66')] }).do({ type: 'start' });
    rig.offer({ serverId: ip('192.0.2.66') });
    expect([rig.name, ...rig.summary]).toEqual(['SELECTING', 'ignored server-denied']);
    expect(rig.offer().name).toBe('REQUESTING');
    rig.nak({ serverId: ip('192.0.2.66') });
    expect([rig.name, ...rig.summary]).toEqual(['REQUESTING', 'ignored server-denied']);
    expect(rig.ack().name).toBe('BOUND');
  });

  it('ignores a server by its own address, whatever identifier it gives', () => {
    const rig = new ClientRig({ deniedServers: [SERVER] }).do({ type: 'start' });
    rig.offer({ serverId: ip('192.0.2.7') });
    expect([rig.name, ...rig.summary]).toEqual(['SELECTING', 'ignored server-denied']);
  });
});

describe('gateway', () => {
  const inside = { wishes: { gateway: ip('192.0.2.254') } };
  const outside = { wishes: { gateway: ip('198.51.100.1') } };

  it('replaces the router of the lease', () => {
    const rig = new ClientRig(inside).bound();
    expect(rig.state).toMatchObject({ name: 'BOUND', lease: { gateway: '192.0.2.254' } });
  });

  it('none: the lease has no default route', () => {
    const rig = new ClientRig({ wishes: { gateway: 'none' } }).bound();
    expect(rig.state).toMatchObject({ name: 'BOUND', lease: { gateway: undefined } });
  });

  it.each([
    ['outside the subnet', outside],
    ['that is the address itself', { wishes: { gateway: ip('192.0.2.50') } }],
    ['that is the end of the subnet', { wishes: { gateway: ip('192.0.2.255') } }],
  ])('%s: the offer is not taken', (_, wishes) => {
    const rig = new ClientRig(wishes).do({ type: 'start' }).offer();
    expect([rig.name, ...rig.summary]).toEqual(['SELECTING', 'ignored gateway-not-in-subnet']);
  });

  it('a lease in use is kept when its server moves it to another subnet, and this is told', () => {
    const rig = new ClientRig(inside).bound().tick();
    rig.ack({ address: ip('198.51.100.50') });
    expect(rig.state).toMatchObject({
      name: 'BOUND',
      lease: { address: '198.51.100.50', gateway: '192.0.2.254' },
    });
    expect(rig.effects).toContainEqual({
      type: 'dropped',
      by: SERVER,
      what: [
        'gateway=192.0.2.254 of the network cannot be reached from 198.51.100.50/24 without a route of its own; the container gets one',
      ],
    });
  });
});

describe('the terms of a lease', () => {
  // 10.0.0.0/8 by 192.0.2.9, and a default route.
  const ROUTES = Uint8Array.of(8, 10, 192, 0, 2, 9, 0, 192, 0, 2, 8);
  const terms = (wishes: Parameters<typeof leaseTermsOf>[4]) =>
    leaseTermsOf(
      ack({
        options: [
          [OPTION.CLASSLESS_ROUTE, ROUTES],
          [OPTION.NTP_SERVERS, Uint8Array.of(192, 0, 2, 3)],
          [66, Uint8Array.from(ascii('boot.lan'))],
          [150, Uint8Array.of(192, 0, 2, 4)],
          [252, Uint8Array.from(ascii('http://wpad/'))],
        ],
      }),
      SERVER,
      SERVER_MAC,
      [],
      wishes,
    );

  it('gateway= is not got round by two routes that lead everywhere', () => {
    const halves = Uint8Array.of(1, 0, 192, 0, 2, 66, 1, 128, 192, 0, 2, 66, 8, 10, 192, 0, 2, 9);
    const dropped: string[] = [];
    const message = ack({ options: [[OPTION.CLASSLESS_ROUTE, halves]] });
    const read = (wishes: Parameters<typeof leaseTermsOf>[4]) =>
      leaseTermsOf(message, SERVER, SERVER_MAC, dropped, wishes);
    expect(read({}).routes.length).toBe(3);
    expect(dropped).toEqual([]);
    const narrow = { destination: '10.0.0.0', prefixLength: 8, via: '192.0.2.9' };
    expect(read({ gateway: 'none' })).toMatchObject({ gateway: undefined, routes: [narrow] });
    expect(read({ gateway: ip('192.0.2.254') })).toMatchObject({ routes: [narrow] });
    expect(dropped).toContain(
      'the route to 0.0.0.0/1: wider than /8, and gateway= says where others go',
    );
  });

  it('routes=none leaves out the routes, and not the default one', () => {
    expect(terms({})).toMatchObject({ gateway: '192.0.2.8', routes: [{ prefixLength: 8 }] });
    expect(terms({ routes: 'none' })).toMatchObject({ gateway: '192.0.2.8', routes: [] });
  });

  it('options that nothing applies are kept as text: NTP, time zones, WPAD, and what was asked for', () => {
    expect(terms({ alsoAsked: [66] }).others).toEqual([
      { code: 42, value: '192.0.2.3' },
      { code: 66, value: 'boot.lan' },
      { code: 252, value: 'http://wpad/' },
    ]);
  });
});

it('a name that comes later is in a REQUEST at once, and a lease without end keeps its deadlines', () => {
  const rig = new ClientRig().bound({ leaseSec: 0xffffffff });
  rig.do({ type: 'renew' });
  expect([rig.name, ...rig.summary]).toEqual(['RENEWING', `send REQUEST to ${SERVER}`]);
  expect(rig.deadline).toBeGreaterThan(rig.now);
  expect(rig.ack({ leaseSec: 0xffffffff }).name).toBe('BOUND');
});

describe('a name that comes later, and a REQUEST or its ACK that is lost', () => {
  it.each([
    ['without end', 0xffffffff],
    ['of a day', 86_400],
  ])('is sent again after 4, 8, 16 s: a lease %s', (_what, leaseSec) => {
    const rig = new ClientRig().bound({ leaseSec });
    rig.do({ type: 'renew' });
    const delays = [1, 2, 3, 4].map(() => {
      const before = rig.now;
      do rig.tick();
      while (!rig.summary.some((line) => line.startsWith('send REQUEST')));
      return Math.round((rig.now - before) / 4_000) * 4;
    });
    expect(delays).toEqual([4, 8, 16, 32]);
    expect(rig.ack({ leaseSec }).name).toBe('BOUND');
  });

  it('from T1 on the times of RFC 2131 §4.4.5 count', () => {
    const rig = new ClientRig().bound({ leaseSec: 3_600 });
    rig.tick();
    expect(rig.name).toBe('RENEWING');
    rig.tick(); // its silence is told
    expect(rig.deadline - 1_800_000).toBeGreaterThan(600_000);
  });
});
