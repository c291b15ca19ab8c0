/** The event of a call of Docker that was answered. */
import type { PluginEvent } from '../events/events.ts';
import type { JsonObject } from './json.ts';

/** @param error what dockerd was told. Undefined if the call succeeded. */
export function callFinished(
  call: string,
  body: JsonObject,
  ms: number,
  error?: string,
): PluginEvent {
  const [network, endpoint] = [idIn(body, 'NetworkID'), idIn(body, 'EndpointID')];
  return { type: 'call.finished', call, ms, network, endpoint, error: error?.slice(0, 500) };
}

function idIn(body: JsonObject, key: string): string | undefined {
  const value = body[key];
  return typeof value === 'string' && value !== '' ? value.slice(0, 128) : undefined;
}
