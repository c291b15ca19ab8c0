import { describe, expect, it } from 'vitest';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import {
  ENDPOINT_OPTIONS,
  isUsableMac,
  macFromId,
  parseEndpointOptions,
} from '../../../plugin/options/endpoint-options.ts';
import { NETWORK_OPTIONS, parseNetworkOptions } from '../../../plugin/options/options.ts';
import { chooseMac, linkEnds } from '../../../plugin/options/endpoint-identity.ts';
import { mac } from '../../support/frames/messages.ts';

const network = (options: Record<string, unknown>) =>
  parseNetworkOptions({ parent: 'eth1', ...options });

/** The message of the refusal. Undefined if the option was accepted. */
function mistake(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).not.toMatch(/[\n\r\0]/); // a message is one line
    return error.message;
  }
}

describe('network options', () => {
  it('the default that the table names is what the parser takes', () => {
    const needed = (key: string) =>
      ({
        macvlan_mode: { parent: 'eth1', mode: 'macvlan' },
        host_access: { parent: 'eth1', mode: 'macvlan' },
        outer: { parent: 'eth1', vlan: '10.500' },
      })[key] ?? { parent: 'eth1' };
    const named = Object.entries(NETWORK_OPTIONS).map(([key, { default: text, problem }]) => ({
      ...{ key, problem, text: text.replaceAll('`', '') },
    }));
    const compared = named.filter((one) => one.key !== 'parent' && !one.problem(one.text));
    const keys = ['lease_timeout', 'acd', 'server_id', 'on_expiry', 'on_no_server', 'guard'];
    expect(compared.map(({ key }) => key)).toEqual(expect.arrayContaining(keys));
    for (const { key, text } of compared) {
      const usual = parseNetworkOptions(needed(key));
      expect(parseNetworkOptions({ ...needed(key), [key]: text }), key).toEqual(usual);
    }
  });

  it('only parent is required; the others have the defaults that the help names', () => {
    expect(parseNetworkOptions({ parent: 'eth1' })).toEqual({
      parent: 'eth1',
      vlan: undefined,
      mode: 'bridge',
      bridge: 'br-eth1',
      macvlanMode: undefined,
      isolate: false,
      hostAccess: false,
      mtu: undefined,
      leaseTimeoutMs: 20_000,
      acd: 'optimistic',
      dhcpServers: [],
      rapidCommit: false,
      serverId: 'strict',
      releaseAfterMs: undefined,
      onExpiry: 'remove',
      onNoServer: 'fail',
      dns: 'docker',
      dnsInsteadOf: [],
      guard: 'mac',
      ipv4: true,
      ipv6: undefined,
      ipv6PatienceMs: 1000,
      onConflict: 'defend',
      clientId: undefined,
      vendorClass: 'vlandhcp',
      userClass: undefined,
      registerDns: false,
      dhcpDeny: [],
      gateway: undefined,
      routes: 'lease',
      request: [],
      requireMac: false,
      onChange: 'apply',
    });
  });

  it('all options are taken over, and the bridge is named after the VLAN', () => {
    expect(network({ vlan: '500' }).bridge).toBe('br500');
    expect(
      network({ vlan: '4094', bridge: 'lan.7_a-b', mtu: '1400', lease_timeout: '7s' }),
    ).toMatchObject({ vlan: 4094, bridge: 'lan.7_a-b', mtu: 1400, leaseTimeoutMs: 7000 });
    const others = { acd: 'full', dhcp_server: '10.0.0.1,10.0.0.2', rapid_commit: 'true' };
    expect(
      network({ ...others, on_expiry: 'keep', server_id: 'lenient', on_no_server: 'late' }),
    ).toMatchObject({
      acd: 'full',
      dhcpServers: ['10.0.0.1', '10.0.0.2'],
      rapidCommit: true,
      serverId: 'lenient',
      onExpiry: 'keep',
      onNoServer: 'late',
    });
  });

  it('dns_instead_of= needs dns=lease', () => {
    expect(network({ dns: 'lease', dns_instead_of: '10.0.0.53' })).toMatchObject({
      ...{ dns: 'lease', dnsInsteadOf: ['10.0.0.53'] },
    });
    const six = { dns: 'lease', dns_instead_of: 'FD00::53,10.0.0.53', ipv4: 'off', ipv6: 'auto' };
    expect(network(six).dnsInsteadOf).toEqual(['fd00::53', '10.0.0.53']);
    expect(mistake(() => network({ dns_instead_of: '10.0.0.53' }))).toBe(
      '-o dns_instead_of= belongs to dns=lease; type -o dns=lease, or leave it out',
    );
  });

  it('the name of an untagged bridge is cut to the 15 characters a link may have', () => {
    expect(parseNetworkOptions({ parent: 'enp130s0f1np1ab' }).bridge).toBe('br-enp130s0f1np');
  });

  it.each(['1', '2', '500', '4094'])('vlan=%s is a VLAN id (IEEE 802.1Q)', (vlan) => {
    expect(network({ vlan }).vlan).toBe(Number(vlan));
  });

  it.each(['0', '4095', 'abc', '', ' 5', '5 ', '+5', '-1', '0x10', '1e2', '0500', '5\n', '٥'])(
    'vlan=%j is no VLAN id, and the answer names option, value and range',
    (vlan) => {
      const message = mistake(() => network({ vlan }));
      expect(message).toMatch(/^-o vlan=.* is not a VLAN id from 1 to 4094$/s);
    },
  );

  it.each([
    'a b',
    'eth1/0',
    '../x',
    'eth1\n',
    'eth1\nlink del eth0',
    'a2345678901234567',
    '1234567890123456',
    '-eth1',
    '.',
    '..',
    '.x',
    '_x',
    '',
    'eth1;reboot',
    'eth1\0',
    'eth1:0',
    'eth1%d',
    'ethé',
  ])(
    '%j is no name for parent or bridge: it could not be a link, or ip would misread it',
    (name) => {
      expect(mistake(() => parseNetworkOptions({ parent: name }))).toMatch(
        /^-o parent=.*a link name/,
      );
      expect(mistake(() => network({ bridge: name }))).toMatch(/^-o bridge=.*a link name/);
    },
  );

  it.each([
    ['1', 1000],
    ['1s', 1000],
    ['20', 20_000],
    ['25', 25_000],
    ['25s', 25_000],
  ])('lease_timeout=%s is accepted: dockerd gives up at 30 s, so 25 is the most', (text, ms) => {
    expect(network({ lease_timeout: text }).leaseTimeoutMs).toBe(ms);
  });

  it.each(['0', '26', 'abc', '26s', '0s', 's', '', '25ss', '2.5s', '5m', '-5', '1 s'])(
    'lease_timeout=%j is refused',
    (text) => {
      expect(mistake(() => network({ lease_timeout: text }))).toMatch(
        /^-o lease_timeout=.* is not a number of seconds from 1 to 25$/,
      );
    },
  );

  it('more mistakes than a person reads are counted', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`x${i}`, 'y']));
    const told = mistake(() => network(many));
    expect(told?.match(/-o x\d+ is unknown/g)).toHaveLength(20);
    expect(told).toMatch(/; and 49980 more$/);
  });

  it.each([
    ['now', 0],
    ['never', Infinity],
    ['hold=90s', 90_000],
    ['hold=10m', 600_000],
    ['hold=2h', 7_200_000],
  ])('release=%s is a time to hold a lease for', (text, ms) => {
    expect(network({ release: text }).releaseAfterMs).toBe(ms);
  });

  it.each([
    ['release', 'hold', /is not now, never or hold=/],
    ['release', 'hold=0s', /is not now, never or hold=/],
    ['release', 'hold=5', /is not now, never or hold=/],
    ['release', 'hold=1d', /is not now, never or hold=/],
    ['acd', 'on', /is not one of optimistic, fast, full, off$/],
    ['dhcp_server', '10.0.0.1,', /is not a list of IPv4 addresses$/],
    ['dhcp_server', '255.255.255.255', /is not a list of IPv4 addresses$/],
    ['dhcp_server', 'fw', /is not a list of IPv4 addresses$/],
    ['rapid_commit', 'yes', /is not one of true, false$/],
    ['on_expiry', 'stay', /is not one of remove, keep$/],
    ['on_no_server', '', /is not one of fail, late, link-local$/],
    ['dns', 'host', /is not one of docker, lease$/],
    ['dns_instead_of', 'fw', /is not a list of IPv4 and IPv6 addresses;/],
    ['dns_instead_of', '127.0.0.11', /is not a list of IPv4 and IPv6 addresses;/],
    ['dns_instead_of', 'fd00::53,fe80::1', /is not a list of IPv4 and IPv6 addresses;/],
  ])('%s=%j is refused, and the answer says what it may be', (key, value, words) => {
    expect(mistake(() => network({ [key]: value }))).toMatch(words);
  });

  it.each(['576', '1500', '9000', '65535'])('mtu=%s is accepted', (text) => {
    expect(network({ mtu: text }).mtu).toBe(Number(text));
  });

  it.each(['575', '65536', '0', 'big', '1500.0', '', '999999999'])('mtu=%j is refused', (text) => {
    expect(mistake(() => network({ mtu: text }))).toMatch(
      /^-o mtu=.* is not an MTU from 576 to 65535$/,
    );
  });

  it('a missing parent is named together with what to give', () => {
    expect(mistake(() => parseNetworkOptions({}))).toBe(
      '-o parent=LINK is missing: name the link that carries the trunk',
    );
  });

  it.each([['com.docker.network.driver.mtu', '1400', 'mtu=1400']])(
    '%s, as for Docker’s own drivers, names the option of ours',
    (key, value, instead) => {
      expect(mistake(() => network({ [key]: value }))).toBe(
        `-o ${key} is of Docker's own drivers; type -o ${instead} instead`,
      );
    },
  );

  it.each(['1.5000', '0.5', '1.2.3', '1.', '.1', '1.-2', '1.5 ', '1..2'])(
    'vlan=%j is not two VLAN ids',
    (vlan) => {
      expect(mistake(() => network({ vlan }))).toMatch(
        /^-o vlan=.+ is not two VLAN ids from 1 to 4094 with a dot between them, such as 10\.500$/,
      );
    },
  );

  it('two tags have a bridge of their own, and the outer one is 802.1ad if nothing else is said', () => {
    expect(network({ vlan: '10.500' })).toMatchObject({ vlan: '10.500', bridge: 'br10.500' });
    const tagged = { vlan: '10.500', outer: '802.1q' };
    expect(network(tagged)).toMatchObject({ vlan: '10q.500', bridge: 'br10q.500' });
  });

  it.each([{}, { vlan: '500' }])('the kind of an outer tag is refused with %j', (options) => {
    expect(mistake(() => network({ ...options, outer: '802.1q' }))).toBe(
      '-o outer= is the kind of the first of two tags; type both, such as -o vlan=10.500, or leave it out',
    );
  });

  it('host_access gives the host a link only beside macvlan links that it can reach', () => {
    const typed = { mode: 'macvlan', host_access: 'true' };
    expect(network(typed).hostAccess).toBe(true);
    expect(network({ ...typed, macvlan_mode: 'bridge' }).hostAccess).toBe(true);
    expect(network({ mode: 'macvlan', host_access: 'false' }).hostAccess).toBe(false);
  });

  it.each([
    [
      { host_access: 'true' },
      '-o host_access belongs to mode=macvlan, and this network has mode=bridge; leave it out, or type -o mode=macvlan',
    ],
    [
      { mode: 'ipvlan', host_access: 'true' },
      '-o host_access belongs to mode=macvlan, and this network has mode=ipvlan; leave it out, or type -o mode=macvlan',
    ],
    [
      { mode: 'macvlan', host_access: 'true', macvlan_mode: 'vepa' },
      '-o host_access=true needs macvlan_mode=bridge: the host is one more macvlan link, and with macvlan_mode=vepa the kernel passes nothing to it; leave one of the two out',
    ],
    [
      { mode: 'macvlan', host_access: 'true', isolate: 'true' },
      '-o host_access=true needs macvlan_mode=bridge: the host is one more macvlan link, and with isolate=true the kernel passes nothing to it; leave one of the two out',
    ],
    [{ mode: 'macvlan', host_access: 'yes' }, '-o host_access=yes is not one of true, false'],
  ])('host_access is refused in one sentence with %j', (options, sentence) => {
    expect(mistake(() => network(options))).toBe(sentence);
  });

  it.each([
    [
      { ipv6: 'auto', mode: 'ipvlan' },
      '-o ipv6= cannot be had with mode=ipvlan, where all containers have one MAC; take mode=bridge or mode=macvlan',
    ],
    [
      { ipv6: 'true', mtu: '1200' },
      '-o ipv6= cannot be had with mtu=1200: links with IPv6 have 1280 or more (RFC 8200)',
    ],
    [{ ipv6: 'on' }, '-o ipv6=on is not one of off, auto, slaac, dhcp'],
    [
      { ipv6: 'auto', ipv6_patience: '30s' },
      '-o ipv6_patience=30s is not a number of seconds from 0 to 20',
    ],
  ])('ipv6 is refused in one sentence with %j', (options, sentence) => {
    expect(mistake(() => network(options))).toBe(sentence);
  });

  it.each([
    ['off', undefined],
    ['false', undefined],
    ['true', 'auto'],
    ['auto', 'auto'],
    ['slaac', 'slaac'],
    ['dhcp', 'dhcp'],
  ])('ipv6=%s is %s', (text, mode) => {
    expect(parseNetworkOptions({ parent: 'eth1', ipv6: text }).ipv6).toBe(mode);
  });

  it('ipv4=off leaves IPv6 alone', () => {
    expect(network({ ipv4: 'off', ipv6: 'auto' })).toMatchObject({ ipv4: false, ipv6: 'auto' });
    expect(network({ ipv4: 'on' }).ipv4).toBe(true);
  });

  it.each([
    [{}, '-o ipv4=off leaves containers without any address; type -o ipv6=auto beside it'],
    [
      { ipv6: 'off' },
      '-o ipv4=off leaves containers without any address; type -o ipv6=auto beside it',
    ],
    [
      { ipv6: 'auto', mode: 'macvlan', host_access: 'true' },
      "-o ipv4=off leaves no lease for host_access=true, which is IPv4's; leave one of the two out",
    ],
    [
      { ipv6: 'auto', dhcp_server: '10.0.0.1' },
      '-o ipv4=off leaves no server for dhcp_server=, which is of DHCPv4; leave one of the two out',
    ],
    [
      { ipv6: 'auto', on_expiry: 'keep', on_conflict: 'leave' },
      '-o ipv4=off leaves nothing for on_expiry= and on_conflict= to act on: they are about IPv4; leave them out, or leave out ipv4=off',
    ],
    [
      { ipv6: 'auto', gateway: 'none' },
      '-o ipv4=off leaves nothing for gateway= to act on: it is about IPv4; leave it out, or leave out ipv4=off',
    ],
    [
      { ipv6: 'auto', on_no_server: 'link-local' },
      "-o ipv4=off leaves no use for on_no_server=link-local, whose address is IPv4's; type -o on_no_server=late instead",
    ],
    [
      {
        ...{ ipv6: 'dhcp', server_id: 'lenient', client_id: '{mac}', vendor_class: 'x' },
        ...{ user_class: 'x', dhcp_deny: '10.0.0.1', routes: 'none', request: '66' },
        on_change: 'keep',
      },
      '-o ipv4=off leaves nothing for server_id=, client_id=, vendor_class=, user_class=, dhcp_deny=, routes=, request= and on_change= to act on: they are about IPv4; leave them out, or leave out ipv4=off',
    ],
  ])('ipv4=off is refused in one sentence with %j', (options, sentence) => {
    expect(mistake(() => network({ ipv4: 'off', ...options }))).toBe(sentence);
  });

  it('ipv4=off goes with the options that IPv6 has, too', () => {
    const both = { register_dns: 'true', require_mac: 'true', rapid_commit: 'true', acd: 'full' };
    const late = { on_no_server: 'late', release: 'now', ipv6: 'auto' };
    expect(network({ ipv4: 'off', ...both, ...late })).toMatchObject({ registerDns: true });
  });

  it('an unknown option is named together with the known ones', () => {
    expect(mistake(() => network({ vlna: '5' }))).toBe(
      '-o vlna is unknown; known are parent, vlan, outer, mode, bridge, macvlan_mode, isolate, host_access, mtu, lease_timeout, acd, dhcp_server, rapid_commit, server_id, release, on_expiry, on_no_server, dns, dns_instead_of, guard, ipv4, ipv6, ipv6_patience, on_conflict, client_id, vendor_class, user_class, register_dns, dhcp_deny, gateway, routes, request, on_change, require_mac',
    );
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'an option called %s is unknown like any other',
    (key) => {
      const given = JSON.parse(`{"parent":"eth1","${key}":"x"}`) as Record<string, unknown>;
      expect(mistake(() => parseNetworkOptions(given))).toContain(`-o ${key} is unknown`);
      const endpoint = JSON.parse(`{"${key}":"x"}`) as Record<string, unknown>;
      expect(mistake(() => parseEndpointOptions(endpoint))).toContain(`${key} is unknown`);
    },
  );

  it('all mistakes are in one answer', () => {
    const message = mistake(() =>
      parseNetworkOptions({ vlan: '0', bridge: 'a b', mtu: '1', lease_timeout: '99', nope: 'x' }),
    );
    expect(message?.split('; ').map((part) => part.replace(/ is .*/, ''))).toEqual([
      '-o parent=LINK',
      '-o vlan=0',
      '-o bridge="a b"',
      '-o mtu=1',
      '-o lease_timeout=99',
      '-o nope',
      `known are ${Object.keys(NETWORK_OPTIONS).join(', ')}`,
    ]);
  });

  it('a value that is not text is refused, and a long one is cut', () => {
    expect(mistake(() => network({ vlan: 500 }))).toContain('-o vlan=500 is not text');
    expect(mistake(() => network({ mtu: null }))).toContain('-o mtu=null is not text');
    expect(mistake(() => network({ bridge: 'x'.repeat(10_000) }))!.length).toBeLessThan(250);
  });

  it.each(['advertise_addr_nmsgs', 'advertise_addr_ms'])(
    "libnetwork's own com.docker.network.%s is left to libnetwork",
    (name) => {
      expect(network({ [`com.docker.network.${name}`]: '3' })).toEqual(network({}));
    },
  );

  it("another driver's com.docker.* option is not for us and is refused", () => {
    expect(mistake(() => network({ 'com.docker.network.bridge.name': 'x' }))).toContain('unknown');
  });
});

describe('endpoint options', () => {
  it('none is required', () => {
    const none = { id: undefined, hostName: undefined, address: undefined };
    expect(parseEndpointOptions({})).toEqual(none);
  });

  it("libnetwork's own keys are passed over (libnetwork.md §4)", () => {
    const given = {
      'com.docker.network.endpoint.exposedports': [{ Proto: 6, Port: 80 }],
      'com.docker.network.portmap': [],
      'com.docker.network.endpoint.macaddress': 'AkJ0Uh8=',
      'com.docker.network.endpoint.dnsservers': ['192.0.2.9'],
      'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.log_martians=1',
      'com.docker.network.driver.private.no_proxy_6to4': true,
      hostname: 'pbx.example.org',
      id: 'asterisk',
      ip: '192.0.2.77',
    };
    expect(parseEndpointOptions(given)).toEqual({
      id: 'asterisk',
      hostName: 'pbx.example.org',
      address: '192.0.2.77',
    });
  });

  it.each([
    '192.0.2.256',
    '192.0.2',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '127.0.0.1',
    '01.2.3.4',
    '',
    '::1',
    '192.0.2.1/24',
  ])('ip=%j is no address a host can have', (ip) => {
    expect(mistake(() => parseEndpointOptions({ ip }))).toMatch(/^driver-opt ip=/);
  });

  it.each([
    '',
    'a b',
    '-a',
    'a-',
    'a..b',
    '.a',
    'a.',
    'ä',
    'a_b',
    'x'.repeat(64),
    'a\n',
    `${'abcdefg.'.repeat(32)}x`,
  ])('hostname=%j is no host name (RFC 1123 §2.1)', (hostname) => {
    expect(mistake(() => parseEndpointOptions({ hostname }))).toMatch(/^driver-opt hostname=/);
  });

  it.each(['', 'a b', 'ä', 'a\n', 'x'.repeat(65)])('id=%j is refused', (id) => {
    expect(mistake(() => parseEndpointOptions({ id }))).toMatch(/^driver-opt id=/);
  });

  it('all mistakes are in one answer', () => {
    const message = mistake(() =>
      parseEndpointOptions({ id: '', ip: 'x', hostname: '-', foo: 'y' }),
    );
    for (const key of ['id', 'ip', 'hostname', 'foo'])
      expect(message).toContain(`driver-opt ${key}`);
  });

  it('every option in the tables has a value, a default and a help text for docs/options.md', () => {
    for (const spec of [...Object.values(NETWORK_OPTIONS), ...Object.values(ENDPOINT_OPTIONS)]) {
      expect([spec.value, spec.default, spec.help].every((text) => text.length > 0)).toBe(true);
    }
  });
});

describe('identity', () => {
  it("id=asterisk gives the MAC that pipework's U:asterisk gave", () => {
    expect(macFromId('asterisk')).toBe('02:74:52:1f:fe:e0');
  });

  it("Docker's MAC wins, id comes second, else the MAC is random: locally administered, unicast", () => {
    const none = parseEndpointOptions({});
    const asterisk = parseEndpointOptions({ id: 'asterisk' });
    expect(chooseMac('02:00:00:00:00:AA', none)).toBe('02:00:00:00:00:aa');
    expect(chooseMac('', asterisk)).toBe('02:74:52:1f:fe:e0');
    expect(chooseMac('02:74:52:1F:FE:E0', asterisk)).toBe('02:74:52:1f:fe:e0');
    const random = [chooseMac('', none), chooseMac('', none)];
    expect(random[0]).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    expect(random[0]).not.toBe(random[1]);
  });

  it.each([
    '01:00:5e:00:00:01',
    'ff:ff:ff:ff:ff:ff',
    '00:00:00:00:00:00',
    '02:00:00:00:00',
    'nonsense',
  ])('--mac-address %s is refused: no host can wear it (IEEE 802)', (text) => {
    expect(mistake(() => chooseMac(text, parseEndpointOptions({})))).toContain(text);
  });

  it('a MAC that contradicts id is refused with both', () => {
    const message = mistake(() =>
      chooseMac('02:00:00:00:00:aa', parseEndpointOptions({ id: 'asterisk' })),
    );
    expect(message).toMatch(/02:74:52:1f:fe:e0.*02:00:00:00:00:aa/);
  });

  it('a usable MAC is unicast and not all zeros', () => {
    expect(isUsableMac(mac('02:00:00:00:00:01'))).toBe(true);
    expect(isUsableMac(mac('03:00:00:00:00:01'))).toBe(false);
  });

  it('link names depend on the EndpointID alone and fit into 15 characters (trap 23: no format)', () => {
    for (const id of ['e'.repeat(64), 'x', '0'.repeat(25)]) {
      const { hostEnd, containerEnd } = linkEnds(id);
      expect(linkEnds(id)).toEqual({ hostEnd, containerEnd });
      expect(hostEnd).toMatch(/^vdh[0-9a-f]{12}$/);
      expect(containerEnd).toMatch(/^vdc[0-9a-f]{12}$/);
    }
    expect(linkEnds('a')).not.toEqual(linkEnds('b'));
  });
});
