/** What libnetwork asks of a network driver about a network, decoded. */

export interface IpamData {
  readonly addressSpace: string;
  readonly pool: string;
  /** The router in CIDR form; empty if Docker knows no router. */
  readonly gateway: string;
}

export interface CreateNetworkRequest {
  readonly networkId: string;
  /** The `-o` map. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly internal: boolean;
  /** False for `--ipv4=false`, which engines have from 28 on. */
  readonly ipv4: boolean;
  readonly ipv4Data: readonly IpamData[];
  readonly ipv6Data: readonly IpamData[];
}
