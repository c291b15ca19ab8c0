/** `report`: nothing of what people or their hosts are called gets into the file. */
import { expect, it } from 'vitest';
import { redacted } from '../../../cli/redact.ts';
import { leaseEntry, networkEntry } from '../../support/fakes/lease-entries.ts';
import { cliSite, BOX, ofBox } from '../../support/pages/cli-site.ts';

const site = cliSite();
const hex = (text: string) =>
  Buffer.from(text)
    .toString('hex')
    .replace(/(..)(?!$)/g, '$1:');

it('names that the plugin knows of containers and networks are replaced, in sentences, too', async () => {
  site.leases = [
    { ...BOX, name: 'pbx-of-ada', nameFrom: 'docker', networkName: 'red-network' },
    leaseEntry({ mac: '02:00:00:00:00:0c', name: 'ada-laptop', nameFrom: 'hostname' }),
  ];
  const call = { type: 'call.finished', call: 'NetworkDriver.CreateEndpoint', ms: 1 } as const;
  site.bus.emit({ ...call, error: 'client identifier "pbx-of-ada" is used by a container' });
  const fields = { container: 'ADA-LAPTOP', note: 'ada-laptop.example, not lada-laptops' };
  site.bus.emit({ type: 'trouble', level: 'warn', message: 'container restarted', fields });
  const { printed = '' } = await site.type('report -');
  expect(printed).not.toMatch(/pbx-of-ada|red-network|"ada-laptop/i);
  expect(printed).toMatch(/"error": "client identifier \\"(name-\d+)\\" is used by a container"/);
  expect(printed).toMatch(/"note": "name-\d+\.example, not lada-laptops"/);
});

it('a client identifier and a DUID have neither the name nor a part of the MAC', () => {
  const mac = '02:74:52:1f:fe:e0';
  const identity = { isStable: true, isByClientId: true, hostName: undefined };
  const text = JSON.stringify(
    redacted({
      leases: [
        leaseEntry({ mac, identity: { ...identity, clientId: `01:${mac}`, duid: `00:03:00:01:${mac}` } }), // prettier-ignore
        leaseEntry({ mac, identity: { ...identity, clientId: `00:${hex('pbx')}`, duid: undefined } }), // prettier-ignore
      ],
      events: [{ ...ofBox, type: 'lease.acquired', server: `00:01:00:01:2c:11:22:33:${mac}` }],
      networks: [{ ...networkEntry(), name: 'red-network' }],
    }),
  );
  for (const part of ['52:1f', 'fe:e0', hex('pbx'), 'red-network'])
    expect(text).not.toContain(part);
  expect(text).toContain('"server":"client-');
});
