/**
 * `/IpamDriver.*`: one handler for each call of libnetwork's remote IPAM API. A handler turns a
 * decoded request into a driver call, and the result into libnetwork's fields.
 */
import {
  ADDRESS_SPACE,
  type RequestAddressRequest,
  type RequestPoolAnswer,
  type RequestPoolRequest,
} from '../options/ipam-requests.ts';
import type { Handlers } from './handler.ts';
import {
  decodePoolAddress,
  decodePoolId,
  decodeRequestAddress,
  decodeRequestPool,
} from './ipam-messages.ts';

/** What `plugin/driver` promises to Docker's address management. */
export interface IpamDriver {
  /**
   * If true, libnetwork makes up a MAC before it asks for an address. The built-in ipvlan refuses
   * that.
   */
  readonly requiresMacAddress: boolean;
  requestPool(request: RequestPoolRequest, signal: AbortSignal): Promise<RequestPoolAnswer>;
  /** Unknown ids are no error. */
  releasePool(poolId: string): Promise<void>;
  /** @returns the address in CIDR form. */
  requestAddress(request: RequestAddressRequest, signal: AbortSignal): Promise<string>;
  /** Unknown addresses are no error. `network rm` releases a gateway that was never requested. */
  releaseAddress(poolId: string, address: string): Promise<void>;
}

export function ipamDriverHandlers(driver: IpamDriver): Handlers {
  const done = {};
  return {
    'IpamDriver.GetCapabilities': () => ({
      RequiresMACAddress: driver.requiresMacAddress,
      // A PoolID says all about its pool, and addresses are kept on disk.
      RequiresRequestReplay: false,
    }),
    'IpamDriver.GetDefaultAddressSpaces': () => ({
      LocalDefaultAddressSpace: ADDRESS_SPACE,
      GlobalDefaultAddressSpace: ADDRESS_SPACE,
    }),
    'IpamDriver.RequestPool': async (body, signal) =>
      encodePool(await driver.requestPool(decodeRequestPool(body), signal)),
    'IpamDriver.ReleasePool': async (body) => {
      await driver.releasePool(decodePoolId(body));
      return done;
    },
    'IpamDriver.RequestAddress': async (body, signal) => ({
      Address: await driver.requestAddress(decodeRequestAddress(body), signal),
      Data: {},
    }),
    'IpamDriver.ReleaseAddress': async (body) => {
      const { poolId, address } = decodePoolAddress(body);
      await driver.releaseAddress(poolId, address);
      return done;
    },
  };
}

function encodePool({ poolId, pool, gateway }: RequestPoolAnswer): object {
  const answer = { PoolID: poolId, Pool: pool };
  // Without a gateway in the answer libnetwork asks for it by RequestAddress.
  if (gateway === undefined) return answer;
  return { ...answer, Data: { 'com.docker.network.gateway': gateway } };
}
