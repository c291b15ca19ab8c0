/** Where a stream goes first, while name servers take their time. */
import { expect, it } from 'vitest';
import { FirstHop } from '../../../plugin/uplink/member/tunnel/first-hop.ts';

it('what was looked up for a way that is no longer in use does not count', async () => {
  const answers = new Map<string, (found: readonly string[]) => void>();
  let found = 0;
  const hop = new FirstHop(
    {
      resolve: (name) => new Promise((resolve) => answers.set(name, resolve)),
      sshHostName: (host) => Promise.resolve(host),
    },
    () => (found += 1),
  );
  hop.lookUp({ is: 'tls', url: 'wss://old.example.net/' });
  await expect.poll(() => answers.size).toBe(1);
  hop.forget();
  hop.lookUp({ is: 'tls', url: 'wss://new.example.net/' });
  await expect.poll(() => [...answers.keys()]).toEqual(['old.example.net:443', 'new.example.net:443']); // prettier-ignore
  answers.get('new.example.net:443')?.(['198.51.100.2:443']);
  await expect.poll(() => hop.endpoint).toBe('198.51.100.2:443');
  answers.get('old.example.net:443')?.(['198.51.100.1:443']);
  await new Promise((resolve) => setImmediate(resolve));
  expect([hop.endpoint, found]).toEqual(['198.51.100.2:443', 1]);
});
