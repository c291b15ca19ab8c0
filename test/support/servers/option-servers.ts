/**
 * Four DHCP servers that are told to hand out the same options. They give option 66 only to clients
 * of the vendor class `vlandhcp` and the user class `voice`, so that a lease shows whether they
 * have read both. One of three sorts of routes is sent, because the options 121, 249 and 33 exclude
 * each other.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LeaseSite } from '../lab/lease-site.ts';

export const ROUTES = [121, 249, 33] as const;
export type RouteOption = (typeof ROUTES)[number];

export const SERVERS = ['dnsmasq', 'ISC', 'Kea', 'udhcpd'] as const;
export type ServerName = (typeof SERVERS)[number];

const ascii = (text: string) => Buffer.from(text).toString('hex');

/** Code and value in hex, for the servers that take any option in this form. */
const VALUES = new Map<number, string>([
  [6, '0a320035'],
  [15, ascii('lab.example')],
  [26, '0578'], // 1400
  [33, '0a0809010a320009'], // 10.8.9.1 by 10.50.0.9
  [42, '0a32007b'],
  [66, ascii('boot.lab')],
  [100, ascii('CET-1CEST')],
  [101, ascii('Europe/Berlin')],
  [119, '036c6162076578616d706c650004636f7270076578616d706c6500'],
  // 10.8.0.0/16 by 10.50.0.9, and the default route by 10.50.0.1.
  [121, '100a080a320009000a320001'],
  [249, '100a080a320009000a320001'],
  [150, '0a320096'],
  [224, ascii('blue')],
  [252, ascii('http://wpad.lab/')],
]);

function valuesWith(route: RouteOption): [code: number, hex: string][] {
  return [...VALUES].filter(([code]) => code === route || !ROUTES.some((one) => one === code));
}

function octets(hex: string, separator: string): string {
  return (hex.match(/../g) ?? []).join(separator);
}

export function startServer(site: LeaseSite, name: ServerName, route: RouteOption): Promise<void> {
  return { dnsmasq: startDnsmasq, ISC: startIsc, Kea: startKea, udhcpd: startUdhcpd }[name](
    site,
    route,
  );
}

/** It takes hex only of options that it does not know. */
const FOR_DNSMASQ = new Map<number, string>([
  [6, '10.50.0.53'],
  [15, 'lab.example'],
  [26, '1400'],
  [33, '10.8.9.1,10.50.0.9'],
  [42, '10.50.0.123'],
  [66, 'boot.lab'],
  [100, 'CET-1CEST'],
  [101, 'Europe/Berlin'],
  [119, 'lab.example,corp.example'],
  [121, '10.8.0.0/16,10.50.0.9,0.0.0.0/0,10.50.0.1'],
  [150, '10.50.0.150'],
]);

function startDnsmasq(site: LeaseSite, route: RouteOption): Promise<void> {
  const options = valuesWith(route).map(([code, hex]) => {
    const tags = code === 66 ? 'tag:ours,tag:voice,' : '';
    return `--dhcp-option=${tags}${code},${FOR_DNSMASQ.get(code) ?? octets(hex, ':')}`;
  });
  return site.startDnsmasq(
    ...['--dhcp-vendorclass=set:ours,vlandhcp', '--dhcp-userclass=set:voice,voice'],
    ...['--domain=lab.example', ...options],
  );
}

function startIsc(site: LeaseSite, route: RouteOption): Promise<void> {
  const lines = valuesWith(route).map(([code, hex]) => {
    const line = `option raw${code} ${octets(hex, ':')};`;
    return code === 66
      ? `if option vendor-class-identifier = "vlandhcp" and substring(option user-class, 1, 5) = "voice" { ${line} }`
      : line;
  });
  const conf = [
    'authoritative; ping-check false; ddns-update-style none; default-lease-time 3600;',
    ...valuesWith(route).map(([code]) => `option raw${code} code ${code} = string;`),
    'subnet 10.50.0.0 netmask 255.255.255.0 {',
    '  range 10.50.0.100 10.50.0.150; option routers 10.50.0.1;',
    ...lines,
    '  log(info, concat("heard id=", binary-to-ascii(16, 8, ":", option dhcp-client-identifier),',
    '    " vendor=", option vendor-class-identifier, " user=", binary-to-ascii(16, 8, ":", option user-class),',
    '    " asks=", binary-to-ascii(10, 8, ",", option dhcp-parameter-request-list),',
    '    " name=", pick-first-value(option host-name, option fqdn.fqdn, "none")));',
    '}',
  ];
  const [file, leases] = [join(site.folder, 'dhcpd.conf'), join(site.folder, 'dhcpd.leases')];
  writeFileSync(file, conf.join('\n'));
  writeFileSync(leases, '');
  return site.startServer(/Server starting service|Sending on {3}Socket/, [
    ...['dhcpd', '-4', '-f', '-d', '--no-pid', '-user', 'root', '-cf', file, '-lf', leases],
    'port1',
  ]);
}

function startKea(site: LeaseSite, route: RouteOption): Promise<void> {
  const raw = ([code, hex]: [number, string]) => ({ code, 'csv-format': false, data: hex });
  const values = valuesWith(route);
  const Dhcp4 = {
    'interfaces-config': { interfaces: ['port1'] },
    'lease-database': { type: 'memfile', persist: false },
    'valid-lifetime': 3600,
    authoritative: true,
    'client-classes': [
      {
        name: 'voice-of-ours',
        test: "option[60].text == 'vlandhcp' and option[77].hex == 0x05766f696365",
        'option-data': values.filter(([code]) => code === 66).map(raw),
      },
    ],
    subnet4: [
      {
        ...{ id: 1, subnet: '10.50.0.0/24', interface: 'port1' },
        pools: [{ pool: '10.50.0.100-10.50.0.150' }],
        'option-data': [
          { name: 'routers', data: '10.50.0.1' },
          ...values.filter(([code]) => code !== 66).map(raw),
        ],
      },
    ],
    loggers: [
      {
        ...{ name: 'kea-dhcp4', severity: 'DEBUG', debuglevel: 99 },
        output_options: [{ output: 'stdout', flush: true }],
      },
    ],
  };
  const file = join(site.folder, 'kea.json');
  writeFileSync(file, JSON.stringify({ Dhcp4 }));
  return site.startServer(/DHCP4_STARTED/, ['kea-dhcp4', '-c', file]);
}

/** It reads no class, so that it gives option 66 to everybody. */
function startUdhcpd(site: LeaseSite, route: RouteOption): Promise<void> {
  const conf = [
    ...['interface port1', 'start 10.50.0.100', 'end 10.50.0.150'],
    ...[`lease_file ${join(site.folder, 'udhcpd.leases')}`, `pidfile ${join(site.folder, 'pid')}`],
    ...['opt lease 3600', 'opt subnet 255.255.255.0', 'opt router 10.50.0.1'],
    ...['opt dns 10.50.0.53', 'opt domain lab.example', 'opt mtu 1400', 'opt ntpsrv 10.50.0.123'],
    ...['opt tzstr CET-1CEST', 'opt tzdbstr Europe/Berlin', 'opt tftp boot.lab'],
    ...['opt search lab.example', 'opt search corp.example', 'opt wpad http://wpad.lab/'],
    ...['opt 0x96 0a320096', `opt 0xe0 ${ascii('blue')}`],
    {
      121: 'opt staticroutes 10.8.0.0/16 10.50.0.9,0.0.0.0/0 10.50.0.1',
      249: 'opt msstaticroutes 10.8.0.0/16 10.50.0.9,0.0.0.0/0 10.50.0.1',
      33: 'opt routes 10.8.9.1 10.50.0.9',
    }[route],
  ];
  const file = join(site.folder, 'udhcpd.conf');
  mkdirSync(site.folder, { recursive: true });
  writeFileSync(join(site.folder, 'udhcpd.leases'), '');
  writeFileSync(file, `${conf.join('\n')}\n`);
  return site.startServer(/started/, ['busybox', 'udhcpd', '-f', '-a', '0', file]);
}
