/** `trace`: what it refuses, and what it leaves behind. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { cliSite } from '../../support/pages/cli-site.ts';

const site = cliSite();

describe('trace', () => {
  it('a capture that the plugin refuses leaves no file, and an existing one stays', async () => {
    const file = join(site.folder, 'x.pcap');
    site.watching = () => {
      throw new PluginError('NETWORK_UNKNOWN', 'there is no network');
    };
    expect(await site.type(`trace fw500 --pcap ${file}`)).toEqual({
      exit: 1,
      error: 'there is no network',
    });
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, 'mine');
    expect(await site.type(`trace fw500 --pcap ${file}`)).toMatchObject({
      exit: 1,
      error: expect.stringContaining('the capture was not written: EEXIST') as string,
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it.each([
    ['trace nothing', /^nothing is no network of Docker, and nobody has a lease by that name/],
    ['trace fw500 --for soon', /^--for soon is not a duration, such as 10s or 2m/],
  ])('%s: one sentence', async (line, sentence) => {
    expect(await site.type(line)).toMatchObject({
      error: expect.stringMatching(sentence) as string,
    });
  });
});
