/** `doctor`: what is wrong, one line for each thing that was looked at, and what mends it. */
import { checkHost } from '../doctor/check-host.ts';
import { checkKernel, checkLinks, checkStale } from '../doctor/check-links.ts';
import { checkContainers, checkPlugin } from '../doctor/check-plugin.ts';
import type { Facts } from '../doctor/facts.ts';
import { warn, type Finding } from '../doctor/finding.ts';
import { ownNetworks, readEngine, readNetworks, readOwn } from '../doctor/read-docker.ts';
import { readHost } from '../doctor/read-host.ts';
import { CommandError, EXIT } from '../errors.ts';
import { findingListing, findingPage } from '../views/finding-rows.ts';
import { printed, type OutputOptions } from '../views/format.ts';
import type { Exit, Surroundings } from './surroundings.ts';

export interface DoctorOptions extends OutputOptions {
  readonly network?: string;
}

/** Changes nothing. Without an answer of the plugin it looks at everything else. */
export async function doctor(around: Surroundings, options: DoctorOptions): Promise<Exit> {
  const { docker, kernel, plugin, admin, socket: path, print, colors, tell } = around;
  tell('asking the segments …');
  // The segments take longest. Only a name needs Docker first.
  const all = options.network === undefined ? askPlugin(around, undefined) : undefined;
  const [engine, ownFacts, host, shown] = await Promise.all([
    readEngine(docker),
    readOwn(admin, path),
    readHost(kernel),
    readNetworks(docker),
  ]);
  const { own } = ownFacts;
  const ids = new Set(own?.networks.map(({ network }) => network));
  const networks = ownNetworks(shown, plugin, ids);
  const chosen = networks.filter(({ name, id }) => isChosen(options.network, name, id));
  if (options.network !== undefined && chosen.length === 0) {
    const known = networks.map(({ name }) => name).join(', ') || 'none';
    throw new CommandError(`there is no network ${options.network}; networks of the plugin: ${known}`); // prettier-ignore
  }
  const one = options.network === undefined ? undefined : chosen[0]?.id;
  const facts: Facts = { ...ownFacts, host, engine, plugin, networks: chosen };
  const asked = await (all ?? askPlugin(around, one));
  const findings = settled([
    ...checkPlugin(facts),
    ...checkKernel(host),
    ...checkLinks(facts),
    ...checkStale({ ...facts, networks }),
    ...checkHost(facts),
    ...(own === undefined ? [] : asked),
    ...checkContainers(facts),
  ]);
  tell('\r\u001b[K');
  const { text, isUsual } = printed(findingListing(findings), options);
  print(isUsual ? findingPage(findings, colors) : text);
  return findings.every(({ level }) => level === 'ok') ? EXIT.ok : EXIT.lost;
}

function isChosen(wanted: string | undefined, name: string, id: string): boolean {
  return wanted === undefined || name === wanted || id.startsWith(wanted);
}

async function askPlugin(
  { admin }: Surroundings,
  network: string | undefined,
): Promise<readonly Finding[]> {
  try {
    return await admin.doctor(network);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return [warn('dhcp', 'plugin', `the segments were not asked: ${error.message}`, 'docker vlandhcp upgrade, if the plugin is older than this command')]; // prettier-ignore
  }
}

/** What is asked on the wire. */
const OF_SEGMENTS = ['dhcp', 'ipv6', 'macs'];

/** A server cannot answer through a link that is down. So only the cause is told. */
function settled(findings: readonly Finding[]): readonly Finding[] {
  const broken = findings.filter(({ check, level }) => check === 'parent' && level === 'fail');
  return findings.filter(
    ({ check, subject }) =>
      !OF_SEGMENTS.includes(check) ||
      !broken.some((parent) => subject.split(/[ .]/).includes(parent.subject)),
  );
}
