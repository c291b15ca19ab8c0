/**
 * A handler answers one call of Docker: it is a function of the request's body. NetworkDriver and
 * IpamDriver are tables of handlers.
 */
import type { JsonObject } from './json.ts';

/** `signal` aborts when dockerd hangs up or the call's time is over. */
export type Handler = (body: JsonObject, signal: AbortSignal) => Promise<object> | object;

/** The key is the call as in the path of the request: `NetworkDriver.Join`. */
export type Handlers = Readonly<Record<string, Handler>>;

/** Calls without an argument. Every other call with an empty body is a broken retry. */
export const CALLS_WITHOUT_BODY: ReadonlySet<string> = new Set([
  'Plugin.Activate',
  'NetworkDriver.GetCapabilities',
  'IpamDriver.GetCapabilities',
  'IpamDriver.GetDefaultAddressSpaces',
  'VlanDhcp.Status',
]);
