import { describe, expect, it } from 'vitest';
import { withLastingRemovals } from '../../../plugin/networks/link-removals.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { FakeHost } from '../../support/fakes/fake-host/fake-host.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { mac } from '../../support/frames/messages.ts';

const LINK: Parameters<FakeHost['ensureEndpointLink']>[0] = {
  ...{ hostEnd: 'vdh1', containerEnd: 'vdc1', mac: mac('02:00:00:00:00:aa') },
  mtu: 1500,
  connection: {
    ...{ kind: 'veth', bridge: 'br500' },
    rules: {
      mode: 'mac',
      mac: mac('02:00:00:00:00:aa'),
      addresses: [],
      leases: false,
      noServer: false,
    },
  },
};

async function failedRemoval() {
  const [host, clock, log] = [new FakeHost(), new FakeClock(), new MemoryLogger()];
  host.addBridge('br500');
  const links = withLastingRemovals(host, { clock, log });
  await links.ensureEndpointLink(LINK);
  host.failing.set('removeEndpointLink', new Error('socket: EMFILE'));
  await expect(links.removeEndpointLink('vdh1')).rejects.toThrow('EMFILE');
  return { host, clock, log, links };
}

describe('a link that could not be removed', () => {
  it('goes as soon as it can, and later tries come at growing intervals', async () => {
    const { host, clock, log } = await failedRemoval();
    await clock.pass(600_000);
    const { length } = host.calls.filter((call) => call.startsWith('removeEndpointLink'));
    expect(length).toBeGreaterThan(8);
    expect(length).toBeLessThan(25);
    host.failing.clear();
    await clock.pass(60_000);
    expect([host.endpoints.size, clock.pending]).toEqual([0, 0]);
    expect(log.messages('info')).toEqual(['link removed; an earlier try had failed']);
  });

  it('stays if it was made again meanwhile', async () => {
    const { host, clock, links } = await failedRemoval();
    host.failing.clear();
    await links.ensureEndpointLink(LINK);
    await clock.pass(600_000);
    expect([...host.endpoints.keys()]).toEqual([LINK.hostEnd]);
  });

  it('is left when the plugin stops: the next start sees to it', async () => {
    const { clock, links } = await failedRemoval();
    links.close();
    expect(clock.pending).toBe(0);
  });
});
