/** `probe`: which VLANs of a trunk have a DHCP server. */
import { EXIT } from '../errors.ts';
import { printed, type OutputOptions } from '../views/format.ts';
import { vlanListing } from '../views/vlan-rows.ts';
import type { Exit, Surroundings } from './surroundings.ts';

export interface ProbeOptions extends OutputOptions {
  readonly parent: string;
  readonly vlans: string;
}

/** Asks the VLANs of a trunk for DHCP servers. Nothing is leased, and no link is made. */
export async function probe(
  { admin, print, tell, ended }: Surroundings,
  { parent, vlans, ...options }: ProbeOptions,
): Promise<Exit> {
  const progress = (asked: number, of: number) =>
    tell(`\r${parent}: ${Math.floor((100 * asked) / of)} % asked`);
  const answers = await admin.probe({ parent, vlans }, progress, ended);
  tell('\r\u001b[K');
  const { text, isUsual } = printed(vlanListing(answers), options);
  if (answers.length > 0 || !isUsual) print(text);
  if (answers.length > 0) return EXIT.ok;
  if (isUsual) print(`no DHCP server answers on VLAN ${vlans} of ${parent}`);
  return EXIT.lost;
}
