/** What the kernel has of tunnel links, and the changes that both ends have in common. */
import { ipBatch, ipJson, isAlreadyGone } from '../../net/ip.ts';

/** A link, as `ip -j -d addr show` tells it. */
export interface SeenLink {
  readonly name: string;
  readonly kind: string | undefined;
  readonly alias: string | undefined;
  readonly mtu: number;
  readonly isUp: boolean;
  readonly isDown: boolean;
  readonly master: string | undefined;
  readonly lower: string | undefined;
  readonly addresses: readonly string[];
  readonly isIsolated: boolean;
  /** Of a VXLAN. */
  readonly vxlan: string | undefined;
  /** Of a VLAN link. */
  readonly vlan: number | undefined;
}

interface Entry {
  readonly ifname?: string;
  readonly ifalias?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly master?: string;
  readonly link?: string;
  readonly proto_down?: boolean;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: {
      readonly id?: number;
      readonly local?: string;
      readonly remote?: string;
      readonly port?: number;
    };
    readonly info_slave_data?: { readonly isolated?: boolean };
  };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

export async function readLinks(): Promise<ReadonlyMap<string, SeenLink>> {
  const entries = (await ipJson(['-d', 'addr', 'show'])) as readonly Entry[];
  return new Map(entries.map((entry) => [entry.ifname ?? '', seen(entry)]));
}

function seen(entry: Entry): SeenLink {
  const { ifname = '', ifalias, mtu = 0, flags = [], master, link, linkinfo } = entry;
  const { info_kind: kind, info_data: data = {}, info_slave_data: port } = linkinfo ?? {};
  return {
    ...{ name: ifname, kind, alias: ifalias, mtu, master, lower: link },
    ...{ isUp: flags.includes('UP'), isDown: entry.proto_down === true },
    addresses: (entry.addr_info ?? []).map(
      ({ local = '', prefixlen = 0 }) => `${local}/${prefixlen}`,
    ),
    isIsolated: port?.isolated === true,
    vxlan:
      kind === 'vxlan'
        ? vxlanText({
            vni: data.id ?? 0,
            local: data.local ?? '',
            remote: data.remote ?? '',
            port: data.port ?? 0,
          })
        : undefined,
    vlan: kind === 'vlan' ? data.id : undefined,
  };
}

export interface Vxlan {
  readonly vni: number;
  readonly local: string;
  readonly remote: string;
  readonly port: number;
}

/**
 * The words of `ip` for a point-to-point VXLAN. It learns nothing, because there is one other end.
 * It is not bound to the WireGuard link, which would keep its MTU below 1500 (U8). `local` is an
 * address of that link, so that without the link nothing can leave.
 */
export function vxlanText({ vni, local, remote, port }: Vxlan): string {
  return `vxlan id ${vni} local ${local} remote ${remote} dstport ${port} nolearning`;
}

/**
 * The lines that give a WireGuard link exactly this address, up, and nothing of its network to any
 * other link: the route of last resort drops what the tunnel does not take.
 * @param network what must never leave by another link.
 */
export function addressLines(
  link: SeenLink | undefined,
  device: string,
  address: string,
  network: string,
): string[] {
  const isRight = link?.addresses.join() === address;
  return [
    ...(isRight || (link?.addresses.length ?? 0) === 0 ? [] : [`addr flush dev ${device}`]),
    ...(isRight ? [] : [`addr add ${address} dev ${device}`]),
    ...(link?.isUp === true ? [] : [`link set dev ${device} up`]),
    `route replace blackhole ${network} metric ${LAST_METRIC}`,
  ];
}

const LAST_METRIC = 4_278_198_272;

/** The network of the tunnel, as the route of the kernel for it has it. */
export function networkOf(address: string, prefixLength: number): string {
  return `${address.replace(/\d+$/, '0')}/${prefixLength}`;
}

/** Takes away the route of last resort. One that is gone is no error. */
export async function dropLastRoute(network: string): Promise<void> {
  await ipBatch([`route del blackhole ${network} metric ${LAST_METRIC}`]).catch(
    (error: unknown) => {
      if (!/No such process/.test(String(error))) throw error;
    },
  );
}

/** Removes the links that are there. One that goes meanwhile is no error. */
export async function removeLinks(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await ipBatch([`link del dev ${name}`]).catch((error: unknown) => {
      if (!isAlreadyGone(error)) throw error;
    });
  }
}
