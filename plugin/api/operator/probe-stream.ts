/**
 * A probe of a trunk as lines of JSON: how far it is, and at the end what it has found. It ends
 * when the client goes.
 */
import type { ServerResponse } from 'node:http';
import type { TrunkQuestion, VlanAnswer } from '../../leasing/segment/trunk-probe.ts';
import { PluginError } from '../../vocabulary/errors.ts';

export interface ProbeWanted {
  readonly parent: string;
  readonly vlans: readonly number[];
}

export type Probe = (question: TrunkQuestion) => Promise<readonly VlanAnswer[]>;

/** A line for each two hundredth of the way keeps the connection alive. */
const STEPS = 200;
const ALL_VLANS = '1-4094';

/** @throws PluginError INVALID_REQUEST. */
export function probeWanted(query: URLSearchParams): ProbeWanted {
  const parent = query.get('parent') ?? '';
  if (!/^[^\s/]{1,15}$/.test(parent)) {
    throw new PluginError(
      'INVALID_REQUEST',
      `parent=${parent.slice(0, 100)} is not the name of a link, such as eth1`,
    );
  }
  return { parent, vlans: parseVlans(query.get('vlans') ?? ALL_VLANS) };
}

/** @throws PluginError INVALID_REQUEST. */
function parseVlans(text: string): readonly number[] {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [, first = '', last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === '' || from > to || to > 4094) {
      throw new PluginError(
        'INVALID_REQUEST',
        `vlans=${text.slice(0, 100)} is not a list of VLANs from 0 to 4094, such as 10,500-600; 0 is the one without a tag`,
      );
    }
    for (let vlan = from; vlan <= to; vlan += 1) found.add(vlan);
  }
  return [...found];
}

export async function streamProbe(
  response: ServerResponse,
  probe: Probe,
  wanted: ProbeWanted,
): Promise<void> {
  const ended = new AbortController();
  response.once('close', () => ended.abort());
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  let told = 0;
  const onProgress = (asked: number, of: number): void => {
    if (asked < told + of / STEPS && asked < of) return;
    told = asked;
    response.write(`${JSON.stringify({ asked, of })}\n`);
  };
  try {
    const answers = await probe({ ...wanted, signal: ended.signal, onProgress });
    response.end(`${JSON.stringify({ answers: answers.map(shown) })}\n`);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    const isDown = error.evidence['errno'] === 'ENETDOWN';
    const mend = isDown ? `; the link is down: ip link set ${wanted.parent} up` : '';
    response.end(`${JSON.stringify({ error: error.message + mend })}\n`);
  }
}

function shown({ vlan, server, serverMac, terms, roundTripMs, askedVlan }: VlanAnswer): object {
  return {
    ...{ vlan, server, serverMac, roundTripMs: Math.round(roundTripMs), askedVlan },
    subnet: `${terms.address}/${terms.prefixLength}`,
    gateway: terms.gateway,
  };
}
