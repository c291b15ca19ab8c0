/** What stays when the plugin is killed while it makes or removes links, or when a step fails. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { runCommand } from '../../../plugin/net/command.ts';
import type { NetworkLinkSpec } from '../../../plugin/net/links/link-checks.ts';
import { readLink } from '../../../plugin/net/links/link-info.ts';
import { isMarked } from '../../../plugin/net/links/link-names.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import {
  addParent,
  enterSandbox,
  linkNames,
  mayLeaveOutVlans,
  runNode,
} from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

/** Runs on each batch of `ip` before it starts, and after it ends. */
let rewrite: (lines: string) => string;
let afterwards: () => Promise<void> | void;

vi.mock(import('../../../plugin/net/command.ts'), async (original) => {
  const real = await original();
  const intercepted: typeof runCommand = async (file, args, options = {}) => {
    if (options.input === undefined) return real.runCommand(file, args, options);
    const output = await real.runCommand(file, args, { ...options, input: rewrite(options.input) });
    await afterwards();
    return output;
  };
  return { ...real, runCommand: intercepted };
});

recordOutcomes();

const withoutVlans = mayLeaveOutVlans();
let sandbox: Sandbox;

beforeEach(() => {
  rewrite = (lines) => lines;
  afterwards = () => undefined;
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});

afterEach(() => {
  sandbox.dispose();
});

const ours = () => linkNames().filter((name) => name !== 'eth1' && name !== 'port1');
const untagged: NetworkLinkSpec = {
  parent: 'eth1',
  vlan: undefined,
  bridge: 'br0',
  mtu: undefined,
};
const tagged = { ...untagged, vlan: 500 };

/** Loads the code under test anew, like a new process. Its queue is empty. */
async function newProcess() {
  vi.resetModules();
  const { ensureNetworkLinks } = await import('../../../plugin/net/links/links.ts');
  const { removeNetworkLinks } = await import('../../../plugin/net/links/remove-links.ts');
  const orphans = await import('../../../plugin/net/links/orphan-links.ts');
  return { ensureNetworkLinks, removeNetworkLinks, ...orphans };
}

/** Makes the links, but the plugin is killed after `count` changes. False if it finished before. */
async function killedAfter(count: number, spec: NetworkLinkSpec): Promise<boolean> {
  const { ensureNetworkLinks } = await newProcess();
  let changes = 0;
  const killed = new Promise<true>((resolve) => {
    afterwards = () => {
      changes += 1;
      if (changes < count) return;
      resolve(true);
      return new Promise(() => undefined);
    };
  });
  return Promise.race([killed, ensureNetworkLinks(spec).then(() => false)]);
}

/**
 * Makes the links, but the plugin and its `ip` are killed after `count` lines. False if it finished
 * before.
 */
async function killedAfterLine(count: number, spec: NetworkLinkSpec): Promise<boolean> {
  const { ensureNetworkLinks } = await newProcess();
  let lines = 0;
  const killed = new Promise<true>((resolve) => {
    let isKilled = false;
    rewrite = (batch) => {
      const all = batch.split('\n').filter(Boolean);
      const some = all.slice(0, count - lines);
      lines += some.length;
      isKilled = lines >= count;
      return `${some.join('\n')}\n`;
    };
    afterwards = () => {
      if (!isKilled) return;
      resolve(true);
      return new Promise(() => undefined);
    };
  });
  return Promise.race([killed, ensureNetworkLinks(spec).then(() => false)]);
}

const segments: [string, NetworkLinkSpec][] = [['an untagged network', untagged]];
if (!withoutVlans) segments.push(['a tagged network', tagged]);

describe.each(segments)('%s', (_what, spec) => {
  test('killed after any change, the plugin leaves no link without its mark', async () => {
    let count = 1;
    for (; await killedAfter(count, spec); count += 1) {
      for (const name of ours()) {
        const { alias } = (await readLink(name))!;
        expect(isMarked(alias), `${name} after ${count} changes`).toBe(true);
      }
      // Each attempt starts without links, so that every moment is reached.
      afterwards = () => undefined;
      const { removeNetworkLinks } = await newProcess();
      await removeNetworkLinks({
        ...spec,
        vlanLink: spec.vlan === undefined ? undefined : 'eth1.500',
      });
      expect(ours()).toEqual([]);
    }
    expect(count).toBeGreaterThan(2);
    expect((await readLink('br0'))?.isUp).toBe(true);
  });

  test('killed after any single request, it leaves nothing that the next start does not remove', async () => {
    const row = outcome('F', `killed after every single request while making ${_what}`);
    const reset = () => {
      rewrite = (lines) => lines;
      afterwards = () => undefined;
    };
    let count = 1;
    for (; await killedAfterLine(count, spec); count += 1) {
      reset();
      const { removeUnfinishedLinks, removeOrphanLinks } = await newProcess();
      await removeUnfinishedLinks();
      await removeOrphanLinks([]);
      expect(ours(), `after ${count} lines`).toEqual([]);
    }
    reset();
    expect(count).toBeGreaterThan(4);
    row.seen = `${count - 1} moments, 0 links unowned`;
    row.leftovers = 0;
  });

  test('a link that was made and cannot be marked is removed again', async () => {
    for (const link of spec.vlan === undefined ? ['br0'] : ['br0', 'eth1.500']) {
      rewrite = (lines) => lines.replace(`set dev ${link} alias`, `set dev ${link} bogus`);
      const { ensureNetworkLinks } = await newProcess();
      await expect(ensureNetworkLinks(spec)).rejects.toMatchObject({ code: 'IP_COMMAND_FAILED' });
      expect(ours()).toEqual([]);
    }
  });
});

describe.skipIf(withoutVlans)('removing', () => {
  test.each(['br0', 'eth1.500'])('does the rest when %s cannot go, and says so', async (link) => {
    const { ensureNetworkLinks, removeNetworkLinks } = await newProcess();
    await ensureNetworkLinks(tagged);
    rewrite = (lines) => lines.replace(`link del dev ${link}`, 'link bogus');
    await expect(removeNetworkLinks({ ...tagged, vlanLink: 'eth1.500' })).rejects.toMatchObject({
      message: 'not all links of bridge br0 could be removed',
      errors: [{ code: 'IP_COMMAND_FAILED', message: expect.stringContaining('bogus') as string }],
    });
    expect(ours()).toEqual([link]);
  });
});

test("killed after any request for a container's link, it leaves nothing that the next start does not remove", async () => {
  const row = outcome('F', "killed after every single request while making a container's link");
  const { ensureNetworkLinks } = await newProcess();
  await ensureNetworkLinks(untagged);
  const before = linkNames();
  const make = (count: number) =>
    runNode(
      'plugin/net/endpoints/veth-port.ts',
      `
      const fs = require('node:fs');
      const write = fs.write;
      let requests = 0;
      fs.write = (fd, ...rest) => {
        const done = rest.pop();
        write(fd, ...rest, (...results) => {
          requests += 1;
          if (requests === ${count}) process.kill(process.pid, 'SIGKILL');
          else done(...results);
        });
      };
      const mac = '02:00:00:00:00:aa';
      const rules = { mode: 'mac', mac, addresses: [], leases: true, noServer: false };
      subject
        .ensureVethPort({ hostEnd: 'vh0', containerEnd: 'vc0', mac, mtu: 1500, bridge: 'br0', rules })
        .then(() => console.log('made'));`,
    );
  let count = 1;
  for (; make(count).signal === 'SIGKILL'; count += 1) {
    const { removeUnfinishedLinks } = await newProcess();
    await removeUnfinishedLinks();
    const { listEndpointLinks, removeEndpointLink } =
      await import('../../../plugin/net/endpoints/endpoint-links.ts');
    // The recovery removes marked links without a record.
    for (const { end } of await listEndpointLinks()) await removeEndpointLink(end);
    expect(linkNames(), `after ${count} requests`).toEqual(before);
  }
  expect(count).toBeGreaterThan(3);
  row.seen = `${count - 1} moments, 0 links unowned`;
  row.leftovers = 0;
});
