/**
 * What a call of Docker's is to the server: a function of its body. Both capabilities, NetworkDriver and
 * IpamDriver, are tables of these.
 */
import type { JsonObject } from './json.ts';

/** `signal` aborts when dockerd hangs up or the call's time is over. */
export type Handler = (body: JsonObject, signal: AbortSignal) => Promise<object> | object;

/** By call, as in the path of the request: `NetworkDriver.Join`. */
export type Handlers = Readonly<Record<string, Handler>>;

/** Calls that come without an argument; every other call with an empty body is a broken retry. */
export const CALLS_WITHOUT_BODY: ReadonlySet<string> = new Set([
  'Plugin.Activate',
  'NetworkDriver.GetCapabilities',
  'IpamDriver.GetCapabilities',
  'IpamDriver.GetDefaultAddressSpaces',
  'VlanDhcp.Status',
]);
