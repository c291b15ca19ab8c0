/** `renew` and `release`: what may be done to a lease. */
import type { RecordedEvent } from '../admin-client.ts';
import { readNames } from '../docker.ts';
import { EXIT } from '../errors.ts';
import { isAnswerFor } from '../views/event-lines.ts';
import { localTime } from '../views/times.ts';
import { keyOf, oneLease } from './find-lease.ts';
import type { Exit, Surroundings } from './surroundings.ts';
import { until } from './until.ts';

/** Asks for the renewal, and waits for what comes of it. */
export async function renew(around: Surroundings, words: string): Promise<Exit> {
  const { admin, docker, print, ended, answerWithinMs } = around;
  const wanted = await oneLease(admin, await readNames(docker), words);
  // Not a time: the clock may have been set back since an answer of before.
  const query = { follow: 'true', since: 'now' };
  const { signal, stop, done } = until(ended, answerWithinMs);
  let refused: Error | undefined;
  // The stream is open before the request is sent, so that no answer is missed.
  const opened = () => {
    admin.act('renew', keyOf(wanted)).catch((error: Error) => {
      refused = error;
      stop();
    });
  };
  const told = admin.events(query, { signal, opened });
  const event = await firstOf(told, (one) => isAnswerFor(wanted, one));
  done();
  if (refused !== undefined) throw refused;
  const address = wanted.address?.split('/')[0] ?? wanted.mac;
  const asked = wanted.server ?? 'its server';
  if (event === undefined) {
    print(`${address} is not renewed: ${asked} did not answer within ${answerWithinMs / 1000} s; the lease goes on, and the plugin goes on asking`); // prettier-ignore
    return EXIT.lost;
  }
  if (event.type !== 'lease.renewed' && event.type !== 'lease.changed') {
    print(`${address} is not renewed: ${asked} refused, and the container asks for another address`); // prettier-ignore
    return EXIT.lost;
  }
  const all = (await admin.lease(keyOf(wanted))).leases;
  const after = all.find(({ endpoint }) => endpoint === wanted.endpoint) ?? wanted;
  const to = after.expiresAt === undefined ? '' : ` until ${localTime(after.expiresAt)}`;
  print(`${after.address ?? address} is renewed${to} by ${after.server ?? asked}`);
  return EXIT.ok;
}

async function firstOf(
  told: AsyncGenerator<RecordedEvent>,
  isWanted: (event: RecordedEvent) => boolean,
): Promise<RecordedEvent | undefined> {
  for await (const event of told) if (isWanted(event)) return event;
  return undefined;
}

export async function release(
  { admin, docker, print }: Surroundings,
  words: string,
): Promise<Exit> {
  const wanted = await oneLease(admin, await readNames(docker), words);
  await admin.act('release', keyOf(wanted));
  print(
    `${wanted.address ?? wanted.ipv6?.address ?? wanted.mac} is given back to ${wanted.server ?? 'its server'}`,
  );
  return EXIT.ok;
}
