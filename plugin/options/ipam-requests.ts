/**
 * What libnetwork asks of an IPAM driver (its remote IPAM API), decoded: pools and addresses. A
 * pool is named by an opaque PoolID, which we make. No request says which network, endpoint or
 * container it is for.
 */

/**
 * The same for local and global networks. If the two differ, libnetwork rejects pools that overlap
 * a route of the host, and asks again without end.
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
  /**
   * The router with the subnet's prefix length, `10.50.0.1/24`; undefined if there is no router to
   * tell.
   */
  readonly gateway: string | undefined;
}

export interface RequestAddressRequest {
  readonly poolId: string;
  /** `--ip`, `--gateway` or `--aux-address`; empty if none was given. */
  readonly address: string;
  /**
   * What the address is for. Undefined if dockerd does not say: for an `--aux-address`, for an
   * earlier address that is replayed, or for `--ip` up to engine 28 without RequiresMACAddress.
   * These three look the same, and have an address.
   */
  readonly purpose:
    | { readonly kind: 'gateway' }
    | {
        readonly kind: 'endpoint';
        /** Present only with RequiresMACAddress. */
        readonly macAddress: string | undefined;
        /** The container's name, from engine 29 on. */
        readonly name: string | undefined;
      }
    | undefined;
}
