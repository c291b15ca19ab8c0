/** `metrics`: what Prometheus would read from the HTTP port. */
import { EXIT } from '../errors.ts';
import type { Exit, Surroundings } from './surroundings.ts';

export async function metrics({ admin, print }: Surroundings): Promise<Exit> {
  print((await admin.metrics()).trimEnd());
  return EXIT.ok;
}
