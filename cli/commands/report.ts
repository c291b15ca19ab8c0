/** `report`: one file for a bug report. */
import { writeFile } from 'node:fs/promises';
import { CommandError, EXIT } from '../errors.ts';
import { makeReport } from '../report.ts';
import { localTime } from '../views/times.ts';
import type { Exit, Surroundings } from './surroundings.ts';

export async function report(around: Surroundings, file: string | undefined): Promise<Exit> {
  const { admin, docker, print, now, version, kernel } = around;
  const made = await makeReport(admin, docker, { version, kernel, now: now() });
  const text = JSON.stringify(made, null, 2);
  if (file === '-') {
    print(text);
    return EXIT.ok;
  }
  const path = file ?? `vlandhcp-report-${localTime(new Date(now()).toISOString()).replace(/\D/g, '')}.json`; // prettier-ignore
  try {
    await writeFile(path, `${text}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new CommandError(`the report was not written: ${(error as Error).message}`);
  }
  print(`${path} is written: names, addresses and ids are replaced; look at it before you send it`);
  return EXIT.ok;
}
