/** Opens the TCP port for operators if the settings ask for it and may. */
import { openPort, type PortSettings, type TellingPort } from '../../runtime/telling/open-port.ts';
import type { AdminDeps } from '../operator/admin-server.ts';
import { serveWeb } from './web-server.ts';

/** Never fails: without this port the plugin serves Docker all the same. */
export function openWeb(settings: PortSettings, deps: AdminDeps): Promise<TellingPort | undefined> {
  return openPort(settings, deps.log, (listen, token) => serveWeb(listen, token, deps));
}
