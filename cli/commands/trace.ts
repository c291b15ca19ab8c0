/** `trace`: what clients send and hear, live, and as a capture file. */
import { open, rm, type FileHandle } from 'node:fs/promises';
import type { TracedFrame } from '../admin-client.ts';
import { readNames, type Names } from '../docker.ts';
import { CommandError, EXIT } from '../errors.ts';
import { pcapHeader, pcapRecord } from '../views/pcap.ts';
import { durationOf } from '../views/times.ts';
import { traceLine } from '../views/trace-lines.ts';
import { findLease } from './find-lease.ts';
import { FreshNames } from './fresh-names.ts';
import type { Exit, Surroundings } from './surroundings.ts';
import { until } from './until.ts';

export interface TraceOptions {
  readonly json?: boolean;
  /** A new file, or `-` for standard output. */
  readonly pcap?: string;
  /** How long: `10s`. */
  readonly for?: string;
}

/** @param words a network, or whose lease. */
export async function trace(
  around: Surroundings,
  words: string,
  { json, pcap, for: time }: TraceOptions,
): Promise<Exit> {
  const { admin, docker, print, write, colors, now, ended } = around;
  const names = await readNames(docker);
  const query = await clientsOf(around, names, words);
  const fresh = new FreshNames(names, docker, now);
  const limit = time === undefined ? undefined : durationOf('--for', time);
  const file = pcap === undefined || pcap === '-' ? undefined : await newFile(pcap);
  const { signal, done } = until(ended, limit);
  const capture = async (bytes: Uint8Array) => {
    if (pcap === '-') write(bytes);
    else await file?.write(bytes).catch(notWritten);
  };
  let isBegun = false;
  try {
    if (pcap !== undefined) await capture(pcapHeader());
    for await (const frame of admin.trace(query, signal)) {
      isBegun = true;
      if (pcap !== undefined)
        await capture(pcapRecord(frame.at, Buffer.from(frame.frame, 'base64')));
      if (pcap === '-') continue;
      if (json === true) print(JSON.stringify(frame));
      else print(traceLine(frame, await nameOf(frame, fresh), colors));
    }
  } catch (error) {
    // A file without a frame would only be in the way of the next try.
    if (file !== undefined && pcap !== undefined && !isBegun) await rm(pcap, { force: true });
    throw error;
  } finally {
    done();
    await file?.close();
  }
  return EXIT.ok;
}

async function nameOf(frame: TracedFrame, fresh: FreshNames): Promise<string | undefined> {
  const { mac, endpoint } = frame;
  if (mac === undefined || endpoint === undefined) return undefined;
  // While a container starts, Docker does not tell its name yet.
  const names = await fresh.of({ mac, endpoint });
  return names.container({ mac, endpoint })?.name ?? mac;
}

/** What the admin API is asked for. */
async function clientsOf(
  { admin }: Surroundings,
  names: Names,
  words: string,
): Promise<Record<string, string>> {
  const network = names.networkId(words);
  if (network !== undefined) return { network };
  try {
    const { leases } = await findLease(admin, names, words);
    const macs = new Set(leases.map(({ mac }) => mac));
    if (macs.size > 0) return { mac: [...macs].join(',') };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
  throw new CommandError(
    `${words} is no network of Docker, and nobody has a lease by that name, address or MAC; to see a container start, trace its network`,
  );
}

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    return notWritten(error as Error);
  }
}

function notWritten(error: Error): never {
  throw new CommandError(`the capture was not written: ${error.message}`);
}
