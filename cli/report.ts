/**
 * One file for a bug report: what the plugin is, has and did, without names and addresses. Each
 * name and address has the same stand-in everywhere, so that the file can still be read.
 */
import type { AdminClient } from './admin-client.ts';
import type { RunDocker } from './docker.ts';
import { redacted } from './redact.ts';

const MOST_EVENTS = 1_000;

export async function makeReport(
  admin: AdminClient,
  docker: RunDocker,
  facts: { readonly version: string; readonly kernel: string; readonly now: number },
): Promise<object> {
  const events: unknown[] = [];
  const [about, networks, leases, engine] = await Promise.all([
    admin.about(),
    admin.networks(),
    admin.leases(),
    docker('version', '--format', '{{json .Server}}'),
  ]);
  for await (const event of admin.events({})) events.push(event);
  const { version, kernel, now } = facts;
  return redacted({
    ...{ madeAt: new Date(now).toISOString(), commandVersion: version, kernel },
    engine: engine === undefined ? 'no answer' : engineFacts(engine),
    ...{ plugin: about, networks, leases, events: events.slice(-MOST_EVENTS) },
  }) as object;
}

function engineFacts(text: string): unknown {
  const { Version, ApiVersion, Os, Arch } = JSON.parse(text) as Record<string, unknown>;
  return { Version, ApiVersion, Os, Arch };
}
