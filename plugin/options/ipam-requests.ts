/**
 * What libnetwork asks of an IPAM driver, decoded (its remote IPAM API): pools and addresses. A pool is named by
 * an opaque PoolID of ours; no request says which network, endpoint or container it is for.
 */

/**
 * One for local and global networks alike: where the two differ, libnetwork rejects pools that overlap a route of
 * the host, and asks again without end.
 */
export const ADDRESS_SPACE = 'vlandhcp';

export interface RequestPoolRequest {
  readonly addressSpace: string;
  /** `--subnet`; empty if there was none. */
  readonly pool: string;
  /** `--ip-range`; empty if there was none. */
  readonly subPool: string;
  /** The `--ipam-opt` map. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly v6: boolean;
}

export interface RequestPoolAnswer {
  readonly poolId: string;
  /** The subnet in CIDR form. */
  readonly pool: string;
  /** The router with the subnet's prefix length, `10.50.0.1/24`; undefined: there is none to tell. */
  readonly gateway: string | undefined;
}

export interface RequestAddressRequest {
  readonly poolId: string;
  /** `--ip`, `--gateway` or `--aux-address`; empty if none was given. */
  readonly address: string;
  /**
   * What it is for. Undefined where dockerd does not say: an `--aux-address`, an address of before that is
   * replayed, or `--ip` up to engine 28 without RequiresMACAddress; they look the same, and have an address.
   */
  readonly purpose:
    | { readonly kind: 'gateway' }
    | {
        readonly kind: 'endpoint';
        /** Only with RequiresMACAddress. */
        readonly macAddress: string | undefined;
        /** The container's name; engines from 29. */
        readonly name: string | undefined;
      }
    | undefined;
}
