/** Makes a hub: its key, its tunnel network and what its members dial. Only files are written. */
import { createHash } from 'node:crypto';
import { VXLAN_PORT } from '../uplink/desired.ts';
import { isMtu, isName, NAME_RULE, parseEndpoint } from '../uplink/protocol/value-schemas.ts';
import { generateKey, publicKeyOf, type WgKey } from '../uplink/wireguard-key.ts';
import { PluginError } from '../vocabulary/errors.ts';
import { parseIpv4 } from '../wire/address.ts';
import type { HubFiles } from './hub-store.ts';
import type { HubRecord } from './hub-records.ts';
import { tlsOf, type TlsWanted } from './streams/tls-wanted.ts';

export interface InitWanted {
  readonly site: string;
  readonly trunk: string;
  /** `HOST` or `HOST:PORT`. */
  readonly endpoints: readonly string[];
  readonly listenPort: number;
  /** `10.83.41.0`. Undefined: derived from the hub's key. */
  readonly subnet: string | undefined;
  /** Undefined: UDP alone. */
  readonly tls: TlsWanted | undefined;
}

export interface InitHost {
  /** Undefined if there is no such link. */
  readonly mtuOf: (link: string) => Promise<number | undefined>;
  /** What on this host has addresses of that /24: words for a sentence. Undefined: nothing. */
  readonly clash: (subnet: string) => Promise<string | undefined>;
  readonly now: () => number;
}

/** How many networks are derived from the key before an operator has to choose one. */
const MOST_SUBNETS = 32;
/** The first 10.x of networks that are derived. Lower ones are common in sites. */
const FIRST_SECOND_PART = 64;
const MOST_ENDPOINTS = 8;

/** @throws PluginError INVALID_OPTION, INVALID_REQUEST, PARENT_LINK_MISSING, STATE_UNWRITABLE. */
export async function initHub(
  files: HubFiles,
  host: InitHost,
  { site, trunk, endpoints, listenPort, subnet, tls }: InitWanted,
): Promise<HubRecord> {
  const existing = await files.readHub();
  if (existing !== undefined) {
    throw new PluginError(
      'INVALID_REQUEST',
      `there is a hub of the site "${existing.site}" on this host already; to begin again, move its folder away first`,
    );
  }
  const isNamed: boolean = isName(site);
  if (!isNamed) throw wrong(`--site ${site} is no name: a name has ${NAME_RULE}`);
  if (!(Number.isInteger(listenPort) && listenPort >= 1 && listenPort <= 65_535)) {
    throw wrong('--listen takes a UDP port from 1 to 65535');
  }
  if (listenPort === VXLAN_PORT) {
    throw wrong(`--listen ${VXLAN_PORT} is the port of the frames in the tunnel; choose another`);
  }
  if (endpoints.length > MOST_ENDPOINTS) {
    throw wrong(`--endpoint may be given ${MOST_ENDPOINTS} times at most`);
  }
  const dialled = endpoints.map((typed) => endpointOf(typed, listenPort));
  const byTls = tls && tlsOf(tls, dialled);
  const mtu = await host.mtuOf(trunk);
  if (mtu === undefined) {
    throw new PluginError(
      'PARENT_LINK_MISSING',
      `there is no link ${trunk} on this host; --trunk is the link that is plugged into the trunk, see: ip link`,
    );
  }
  if (!isMtu(mtu)) {
    throw wrong(`link ${trunk} has an MTU of ${mtu}; a trunk has 576 to 65535`);
  }
  const privateKey = generateKey();
  const record: HubRecord = {
    ...{ site, trunk, endpoints: dialled, listenPort, mtu, privateKey },
    subnet: await freeSubnet(host, publicKeyOf(privateKey), subnet),
    createdAt: host.now(),
    ...(byTls && { tls: byTls }),
  };
  await files.saveHub(record);
  return record;
}

function endpointOf(typed: string, port: number): string {
  const isBare6 = /^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*$/i.test(typed);
  const found = [typed, isBare6 ? `[${typed}]:${port}` : `${typed}:${port}`].find(
    (text) => parseEndpoint(text) !== undefined,
  );
  if (found !== undefined) return found;
  throw wrong(`--endpoint ${typed} is no name or address with which members reach this host`);
}

async function freeSubnet(
  host: InitHost,
  hubKey: WgKey,
  typed: string | undefined,
): Promise<string> {
  if (typed !== undefined) {
    const [, network] = /^(10\.\d{1,3}\.\d{1,3}\.0)(?:\/24)?$/.exec(typed) ?? [];
    // As it is written it is read, so no zeros are in front.
    const isRight = network !== undefined && parseIpv4(network) === network;
    if (!isRight) {
      throw wrong(`--subnet ${typed} is no /24 of 10.0.0.0/8, such as 10.83.41.0`);
    }
    const clash = await host.clash(network);
    if (clash !== undefined) throw wrong(`--subnet ${typed} meets ${clash}; choose another one`);
    return network;
  }
  for (let at = 0; at < MOST_SUBNETS; at += 1) {
    const digest = createHash('sha256').update(`${hubKey} ${at}`).digest();
    const second = FIRST_SECOND_PART + ((digest[0] ?? 0) % (256 - FIRST_SECOND_PART));
    const network = `10.${second}.${digest[1] ?? 0}.0`;
    if ((await host.clash(network)) === undefined) return network;
  }
  throw wrong('no free /24 of 10.0.0.0/8 was found on this host; choose one with --subnet');
}

function wrong(message: string): PluginError {
  return new PluginError('INVALID_OPTION', message);
}
