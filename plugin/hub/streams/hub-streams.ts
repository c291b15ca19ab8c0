/**
 * The streams of a hub: its TCP port, if it has one. UDP does not need it, so a port that is taken
 * keeps no hub from starting. It is tried again.
 */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { HubRecord } from '../hub-records.ts';
import { ADMISSION_LIMITS } from './admission.ts';
import { makeCertificate } from './certificate.ts';
import { TlsServer } from './tls-server.ts';

const TRY_AGAIN: Ms = 10_000;

export interface HubStreams {
  /**
   * Where a member that WireGuard knows by a port of this host really is: `tls 198.51.100.7`, or
   * `ssh`. Every other endpoint is as it was.
   */
  whence(endpoint: string): string;
  /** Connections to the TCP port. */
  readonly connections: number;
  close(): Promise<void>;
}

export async function openHubStreams(
  { tls, listenPort }: Pick<HubRecord, 'tls' | 'listenPort'>,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<HubStreams> {
  let server: TlsServer | undefined;
  let cancel = (): void => undefined;
  let isClosed = false;
  const open = async (port: number, name: string): Promise<void> => {
    const identity = await makeCertificate(name, clock.wall());
    const made = new TlsServer({
      ...{ clock, identity, limits: ADMISSION_LIMITS, wireguardPort: listenPort },
    });
    await made.listen(port);
    if (isClosed) return made.close();
    server = made;
    log.info({ port }, 'hub: members can join over TLS');
  };
  const tryOpen = async (port: number, name: string): Promise<void> => {
    await open(port, name).catch((err: unknown) => {
      log.error({ port, err }, 'hub: cannot listen for TLS; it is tried again, UDP works');
      if (isClosed) return;
      cancel = clock.at(clock.now() + TRY_AGAIN, () => void tryOpen(port, name));
    });
  };
  if (tls !== undefined) await tryOpen(tls.port, new URL(tls.url).hostname);
  return {
    whence(endpoint) {
      const [, port] = /^127\.0\.0\.1:(\d+)$/.exec(endpoint) ?? [];
      if (port === undefined) return endpoint;
      const client = server?.clientAt(Number(port));
      return client === undefined ? 'ssh' : `tls ${client}`;
    },
    get connections() {
      return server?.size ?? 0;
    },
    async close() {
      isClosed = true;
      cancel();
      await server?.close();
    },
  };
}
