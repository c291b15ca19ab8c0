/** Reads what the plugin, run as a service, logs about its own calls. */
import { readFileSync } from 'node:fs';

const LOG = '/run/lab/vlandhcp.log';

/** The present length of the log, for `callTimes`. */
export function logLength(): number {
  return readFileSync(LOG, 'utf8').length;
}

/**
 * The plugin's own time for each call of a container's life, in the order of its log.
 * @param from an earlier `logLength`
 */
export function callTimes(from = 0): { readonly call: string; readonly ms: number }[] {
  return readFileSync(LOG, 'utf8')
    .slice(from)
    .split('\n')
    .filter((line) => line.includes('"request finished"'))
    .flatMap((line) => {
      const { call, ms } = JSON.parse(line) as { call: string; ms: number };
      const [, name] =
        /^NetworkDriver\.(CreateEndpoint|Join|Leave|DeleteEndpoint)$/.exec(call) ?? [];
      return name === undefined ? [] : [{ call: name, ms }];
    });
}
