// The options that say what a site relies on, and the client identifier made of a template.
import { describe, expect, it } from 'vitest';
import { clientIdFrom, type ClientFacts } from '../../../plugin/options/site/client-id-template.ts';
import { parseEndpointOptions } from '../../../plugin/options/endpoint-options.ts';
import { parseNetworkOptions } from '../../../plugin/options/options.ts';
import { mac } from '../../support/frames/messages.ts';

const network = (given: Record<string, unknown>) =>
  parseNetworkOptions({ parent: 'eth1', ...given });

function mistake(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('site options', () => {
  it('are taken over', () => {
    const typed = {
      client_id: '{name}.{network}',
      vendor_class: 'PBX 7',
      user_class: 'voice',
      register_dns: 'true',
      dhcp_deny: '10.0.0.9,10.0.0.8',
      gateway: '10.50.0.254',
      routes: 'none',
      request: '66,tftp-servers,66',
      require_mac: 'true',
      on_no_server: 'link-local',
    };
    expect(network(typed)).toMatchObject({
      clientId: '{name}.{network}',
      vendorClass: 'PBX 7',
      userClass: 'voice',
      registerDns: true,
      dhcpDeny: ['10.0.0.9', '10.0.0.8'],
      gateway: '10.50.0.254',
      routes: 'none',
      request: [66, 150],
      requireMac: true,
      onNoServer: 'link-local',
    });
    expect(network({ gateway: 'none', vendor_class: 'none' })).toMatchObject({
      gateway: 'none',
      vendorClass: 'none',
    });
  });

  it.each([
    [
      { client_id: 'pbx' },
      '-o client_id=pbx would be the same for all containers; put {name} or {mac} into it',
    ],
    [
      { client_id: '{network}' },
      '-o client_id="{network}" would be the same for all containers; put {name} or {mac} into it',
    ],
    [
      { client_id: '{host}-{mac}' },
      '-o client_id="{host}-{mac}" has other braces than {name}, {mac}, {network}, {vlan}',
    ],
    [{ client_id: 'a {mac}' }, '-o client_id="a {mac}" is not 1 to 128 visible ASCII characters'],
    [{ vendor_class: '' }, '-o vendor_class="" is not 1 to 200 printable ASCII characters'],
    [{ user_class: 'é' }, '-o user_class="é" is not 1 to 200 printable ASCII characters'],
    [{ register_dns: 'yes' }, '-o register_dns=yes is not one of true, false'],
    [{ dhcp_deny: 'fw' }, '-o dhcp_deny=fw is not a list of IPv4 addresses'],
    [
      { gateway: '10.50.0' },
      '-o gateway=10.50.0 is neither none nor an IPv4 address that a host can have',
    ],
    [
      { gateway: '224.0.0.1' },
      '-o gateway=224.0.0.1 is neither none nor an IPv4 address that a host can have',
    ],
    [{ routes: 'all' }, '-o routes=all is not one of lease, none'],
    [{ require_mac: '1' }, '-o require_mac=1 is not one of true, false'],
    [
      { dhcp_server: '10.0.0.1', dhcp_deny: '10.0.0.2,10.0.0.1' },
      '10.0.0.1 is in -o dhcp_server= and in -o dhcp_deny=; take it out of one of them',
    ],
    [
      { mode: 'ipvlan', client_id: '{mac}' },
      '-o client_id={mac} would be the same for all containers of mode=ipvlan, which have one MAC; put {name} into it',
    ],
    [
      { mode: 'ipvlan', require_mac: 'true' },
      '-o require_mac=true cannot be had with mode=ipvlan, where all containers have one MAC; take mode=bridge or mode=macvlan',
    ],
  ])('%j is refused in one sentence', (options, sentence) => {
    expect(mistake(() => network(options))).toBe(sentence);
  });

  it.each(['53', '3,66', 'tftp', '', '66,'])(
    'request=%j is refused, and the names are listed',
    (text) => {
      expect(mistake(() => network({ request: text }))).toMatch(
        /is not a list of options to ask for: numbers from 2 to 254 that the client does not use itself, or names of .*tftp-server-name/,
      );
    },
  );

  it.each(['lan0', 'eth5', 'a.b-c_d'])('driver-opt ifname=%s names the interface', (name) => {
    expect(parseEndpointOptions({ ifname: name }).ifName).toBe(name);
  });

  it.each(['lo', '', 'a b', 'a234567890123456', '../x'])(
    'driver-opt ifname=%j is refused',
    (name) => {
      expect(mistake(() => parseEndpointOptions({ ifname: name }))).toMatch(
        /^driver-opt ifname=.* is not a link name: .*, other than lo$/,
      );
    },
  );
});

describe('client_id becomes option 61 of type 0 (RFC 2132 §9.14)', () => {
  const facts: ClientFacts = {
    name: 'pbx',
    mac: mac('02:74:52:1f:fe:e0'),
    networkId: 'abcdef0123456789'.repeat(4),
    vlan: 500,
  };
  const textOf = (template: string, more: Partial<ClientFacts> = {}) =>
    Buffer.from(clientIdFrom(template, { ...facts, ...more }), 'hex').toString('latin1');

  it.each([
    ['{name}', {}, '\0pbx'],
    ['{mac}', {}, '\x0002:74:52:1f:fe:e0'],
    ['{name}@{network}', {}, '\0pbx@abcdef012345'],
    ['v{vlan}-{name}-{name}', {}, '\0v500-pbx-pbx'],
    ['{mac}/{vlan}', { vlan: undefined }, '\x0002:74:52:1f:fe:e0/untagged'],
  ])('%s with %j', (template, more, text) => {
    expect(textOf(template, more)).toBe(text);
  });

  it('a name that is not known refuses the start: a guess could take another one’s address', () => {
    expect(mistake(() => textOf('{name}', { name: undefined }))).toBe(
      'client_id={name} of the network needs a name, and none is known of this container; type driver-opt id=NAME or hostname=NAME (with --ipam-driver vlandhcp engines before 29 tell no name: use {mac} there)',
    );
    expect(textOf('{mac}', { name: undefined })).toBe('\x0002:74:52:1f:fe:e0');
  });

  it('a MAC that containers share refuses the start', () => {
    expect(mistake(() => textOf('{mac}', { mac: undefined }))).toMatch(
      /needs a MAC of the container's own/,
    );
  });

  it('braces in a name are not read again', () => {
    expect(textOf('{name}', { name: '{mac}' })).toBe('\0{mac}');
  });

  it('more than 254 octets cannot be sent', () => {
    expect(textOf('{name}', { name: 'n'.repeat(254) })).toHaveLength(255);
    expect(mistake(() => textOf('{name}', { name: 'n'.repeat(255) }))).toMatch(
      /becomes 255 characters for this container, and 254 can be sent; give the container a shorter name/,
    );
  });
});
