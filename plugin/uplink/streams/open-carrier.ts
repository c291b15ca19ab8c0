/** A carrier for each way beside UDP: TLS, and ssh. */
import type { Clock } from '../../clock.ts';
import { Carrier, type CarrierDeps, type LocalCarrier } from './carrier.ts';
import type { Proxy } from './proxy/proxy-way.ts';
import { openSsh, type Environment } from './ssh.ts';
import { openWebSocket } from './web-socket.ts';

export type StreamWay =
  | { readonly is: 'tls'; readonly url: string; readonly proxy?: Proxy | undefined }
  | { readonly is: 'ssh'; readonly via: string };

/** What a member needs of it. @throws PluginError SOCKET_FAILED. */
export type OpenCarrier = (way: StreamWay, told: CarrierDeps['told']) => Promise<LocalCarrier>;

/** @param env of `ssh`. */
export function carrierOpener(clock: Pick<Clock, 'now' | 'at'>, env: Environment): OpenCarrier {
  return (way, told) => {
    if (way.is === 'tls') {
      const open: CarrierDeps['open'] = (events) => openWebSocket(way.url, events, way.proxy);
      const times = { firstDelay: 250, longestDelay: 2_000, patience: 3_000 };
      return Carrier.open({ clock, open, told, ...times });
    }
    const open: CarrierDeps['open'] = (events) => openSsh(way.via, events, env);
    // Handshakes over several hosts take seconds, and cost each of them some work.
    const times = { firstDelay: 1_000, longestDelay: 15_000, patience: 20_000 };
    return Carrier.open({ clock, open, told, ...times });
  };
}
