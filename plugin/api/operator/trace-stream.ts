/**
 * Frames of clients as lines of JSON, each as it is sent or heard, until the client of this API
 * goes. One that does not keep up is cut off, because what waits for it is memory of the plugin.
 */
import type { ServerResponse } from 'node:http';
import { describeFrame } from '../../leasing/frames/describe-frame.ts';
import type { FrameListener, WatchedFrame } from '../../leasing/frames/frame-watch.ts';
import type { Logger } from '../../logger.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { parseMac, type Mac } from '../../wire/address.ts';

export interface TraceWanted {
  /** The beginning of a NetworkID. */
  readonly network: string | undefined;
  readonly macs: readonly Mac[];
}

/** @returns the function that ends it. @throws PluginError. */
export type Watch = (wanted: TraceWanted, listener: FrameListener) => () => void;

const MOST_WAITING_BYTES = 1_000_000;

/** @throws PluginError INVALID_REQUEST. */
export function traceWanted(query: URLSearchParams): TraceWanted {
  const network = query.get('network') || undefined;
  const texts = (query.get('mac') ?? '').split(',').filter((text) => text !== '');
  const macs = texts.map((text) => {
    const mac = parseMac(text);
    if (mac !== undefined) return mac;
    throw new PluginError('INVALID_REQUEST', `mac=${text.slice(0, 100)} is not a list of MACs`);
  });
  if (network === undefined && macs.length === 0) {
    throw new PluginError(
      'INVALID_REQUEST',
      'a trace needs network=ID, or mac=MAC of one or more clients',
    );
  }
  return { network, macs };
}

export function streamTrace(
  response: ServerResponse,
  { watch, log }: { readonly watch: Watch; readonly log: Logger },
  wanted: TraceWanted,
): void {
  const end = watch(wanted, (frame) => {
    try {
      response.write(`${JSON.stringify(shown(frame))}\n`);
    } catch (err) {
      // The client that handles the frame goes on.
      log.error({ err }, 'a frame could not be shown; the trace ends');
      response.destroy();
    }
    if (response.writableLength > MOST_WAITING_BYTES) response.destroy();
  });
  response.once('close', end);
  response.setTimeout(0); // nothing may be sent for hours
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  response.flushHeaders();
}

function shown(watched: WatchedFrame): object {
  const { at, direction, frame, link, client, ignored, failed } = watched;
  return {
    at: new Date(at).toISOString(),
    ...{ direction, ...describeFrame(watched), ignored, failed },
    ...{ endpoint: client?.key, mac: client?.mac, segment: client?.segment, link },
    frame: Buffer.from(frame).toString('base64'),
  };
}
