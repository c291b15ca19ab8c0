/** `--tls` and `--tls-url` of `hub init` and `hub tls`, as a person typed them. */
import { isTlsUrl, parseEndpoint } from '../../uplink/protocol/value-schemas.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { HubRecord } from '../hub-records.ts';
import type { HubFiles } from '../hub-store.ts';

export interface TlsWanted {
  /** The TCP port to listen on, such as 443. */
  readonly port: string;
  /** What members dial. Undefined: the first endpoint of the hub, with this port. */
  readonly url: string | undefined;
}

/** @throws PluginError INVALID_OPTION with one sentence. */
export function tlsOf(
  { port: typed, url }: TlsWanted,
  endpoints: readonly string[],
): NonNullable<HubRecord['tls']> {
  const port = Number(typed);
  if (!/^\d{1,5}$/.test(typed) || port < 1 || port > 65_535) {
    throw wrong(`--tls ${typed.slice(0, 60)} is no TCP port from 1 to 65535, such as 443`);
  }
  if (url !== undefined) {
    if (isTlsUrl(url)) return { port, url };
    throw wrong(
      `--tls-url ${url.slice(0, 100)} is no such URL; write it as wss://hub.example.net/`,
    );
  }
  const { host = '' } = parseEndpoint(endpoints[0] ?? '') ?? {};
  const name = host.includes(':') ? `[${host}]` : host;
  return { port, url: `wss://${name}${port === 443 ? '' : `:${port}`}/` };
}

/**
 * Changes what a hub has. Its service reads it at its start.
 * @param wanted undefined: UDP alone.
 * @throws PluginError
 */
export async function setTls(files: HubFiles, wanted: TlsWanted | undefined): Promise<HubRecord> {
  const record = await files.readHub();
  if (record === undefined) {
    throw new PluginError(
      'INVALID_REQUEST',
      'there is no hub on this host yet; make one: vlandhcp hub init --site NAME --trunk LINK --endpoint HOST',
    );
  }
  const tls = wanted && tlsOf(wanted, record.endpoints);
  const changed: HubRecord = { ...record, tls };
  await files.saveHub(changed);
  return changed;
}

function wrong(message: string): PluginError {
  return new PluginError('INVALID_OPTION', message);
}
