/** `networks`, `leases` and `lease`: what they print is golden text. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AdminClient } from '../../../cli/admin-client.ts';
import type { RunDocker } from '../../../cli/docker.ts';
import { cleanLines, escapeC1 } from '../../../cli/views/table.ts';
import {
  cliSite,
  BOX,
  GONE,
  MAIL,
  knowing,
  masked,
  ofBox,
  text,
} from '../../support/pages/cli-site.ts';
import { NETWORK_ID } from '../../support/fakes/lease-entries.ts';

const site = cliSite();
const renewed = () =>
  site.bus.emit({ type: 'lease.renewed', ...ofBox, family: 4, address: '10.50.0.23', server: '10.50.0.1' }); // prettier-ignore

describe('leases', () => {
  it('all leased: exit 0', async () => {
    expect(await site.type('leases')).toEqual({
      exit: 0,
      printed: text(
        'NETWORK  CONTAINER  ADDRESS        MAC                STATE   EXPIRES IN  SERVER',
        'fw500    box        10.50.0.23/24  02:74:52:1f:fe:e0  leased  60 min      10.50.0.1',
        'fw500    (gone)     10.50.0.24/24  02:00:00:00:00:0b  held    60 min      10.50.0.1',
        '',
        '1 leased, 0 waiting, 0 lost, 1 held',
      ),
    });
  });

  it('what is lost comes first, with its service: exit 2', async () => {
    site.leases = [BOX, MAIL];
    expect(await site.type('leases')).toEqual({
      exit: 2,
      printed: text(
        'NETWORK  CONTAINER    SERVICE  ADDRESS        MAC                STATE                           EXPIRES IN  SERVER',
        'fw500    shop-mail-1  mail     none           02:00:00:00:00:0a  no lease (expired) since 4 min',
        'fw500    box                   10.50.0.23/24  02:74:52:1f:fe:e0  leased                          60 min      10.50.0.1',
        '',
        '1 leased, 0 waiting, 1 lost',
      ),
    });
  });

  it('without an answer of Docker the ids are shown', async () => {
    site.leases = [BOX];
    const silent: RunDocker = () => Promise.resolve(undefined);
    expect((await site.type('leases', { docker: silent })).printed).toContain(
      'aaaaaaaaaaaa  eeeeeeeeeeee  10.50.0.23/24',
    );
  });

  it('on a terminal what is lost is red, and the columns stay aligned', async () => {
    site.leases = [BOX, MAIL];
    const red = (cell: string) => `<${cell}>`;
    const colors = { red, yellow: red, dim: red };
    const { printed = '' } = await site.type('leases', { colors });
    expect(printed).toContain('<fw500>    <shop-mail-1>  <mail>');
    expect(printed.replace(/[<>]/g, '')).toEqual((await site.type('leases')).printed);
  });

  it.each([
    ['--json', /^\[\n {2}\{\n {4}"networkName": "fw500",\n {4}"container": "box",/],
    ['--format json', /^\{"Network":"fw500","Container":"box",.*\}\n\{.*\}\n$/],
    [
      "--format '{{.Container}} {{.Address}}'",
      /^box 10\.50\.0\.23\/24\n\(gone\) 10\.50\.0\.24\/24\n$/,
    ],
    [
      "--format 'table {{.Container}}\\t{{.ExpiresIn}}'",
      /^CONTAINER {2}EXPIRES IN\nbox {8}60 min\n/,
    ],
    ["--format '{{json .}}'", /^\{"Network":"fw500"/],
  ])('leases %s', async (options, expected) => {
    const { exit, printed } = await site.type(`leases ${options}`);
    expect(printed).toMatch(expected);
    expect(exit).toBe(0);
  });

  it.each([
    [
      "leases --format '{{.Adress}}'",
      /^--format does not know \{\{\.Adress\}\}; it knows \{\{json \.\}\} and \{\{\.Network\}\}/,
    ],
    ['leases --network fw600', /^there is no network fw600; leases are on fw500$/],
    ['leases --json --format json', /cannot be used with/],
    ['lease 10.50.0.99', /^nobody has 10\.50\.0\.99 now, and no event of the history names it$/],
    ['events --since noon', /^--since noon is not a duration \(10m, 2h, 3d\), a time/],
    ['completion tcsh', /^completion is for bash, zsh, fish, not for tcsh$/],
  ])('%s fails in one sentence', async (line, expected) => {
    expect(await site.type(line)).toEqual({
      exit: 1,
      error: expect.stringMatching(expected) as string,
    });
  });

  it('a network without leases has an empty list', async () => {
    site.leases = [];
    expect(await site.type('leases --network fw500')).toMatchObject({
      exit: 0,
      printed: expect.stringMatching(/\n\n0 leased, 0 waiting, 0 lost\n$/) as string,
    });
  });

  it('a plugin that is not there: what to look at', async () => {
    const admin = new AdminClient(join(site.folder, 'none.sock'));
    expect((await site.type('leases', { admin })).error).toBe(
      `nobody listens on ${site.folder}/none.sock: the plugin is stopped, or older than this command; see: docker plugin ls`,
    );
  });

  it('--watch lists them again when something changes, and ends when the person ends it', async () => {
    const ended = new AbortController();
    let printed = '';
    const print = (part: string) => {
      printed += part;
      const lists = printed.split('1 leased').length - 1;
      if (lists === 1) setImmediate(() => void again());
      if (lists === 2) ended.abort();
    };
    // An event before the stream is open is told, too, because the stream begins at the list.
    const again = () => renewed();
    expect(await site.type('leases --watch', { print, ended: ended.signal })).toMatchObject({
      exit: 0,
    });
    expect(printed.match(/1 leased/g)).toHaveLength(2);
  });
});

it('networks', async () => {
  site.leases = [BOX, MAIL, GONE];
  expect(await site.type('networks')).toEqual({
    exit: 2,
    printed: text(
      'NAME   SEGMENT           MODE    LINK   MTU   LEASED  WAITING  LOST  HELD',
      'fw500  VLAN 500 of eth1  bridge  br500  1500  1       0        1     1',
    ),
  });
});

it.each(['box', '1111', '10.50.0.23', '02:74:52:1f:fe:e0', 'eeeeee'])('lease %s', async (key) => {
  renewed();
  const { exit, printed } = await site.type(`lease ${key}`);
  expect(masked(printed)).toBe(
    text(
      'Address       10.50.0.23/24',
      'Container     box (111111111111)',
      'Network       fw500, VLAN 500 of eth1',
      'MAC           02:74:52:1f:fe:e0',
      'State         leased',
      'Router        10.50.0.1',
      'Server        10.50.0.1',
      'Renews        TIME (in 30 min)',
      'Expires       TIME (in 60 min)',
      'Endpoint      eeeeeeeeeeee',
      '',
      'TIME                 TYPE           NETWORK  CONTAINER  TEXT',
      'TIME  lease.renewed  fw500    box        10.50.0.23, server 10.50.0.1',
    ),
  );
  expect(exit).toBe(0);
});

it('a network that goes while Docker is asked does not take the names of the others', async () => {
  const gone = 'b'.repeat(64);
  const docker: RunDocker = (...words) => {
    if (words[1] === 'ls') return Promise.resolve(`${NETWORK_ID}\n${gone}\n`);
    if (words[1] === 'inspect' && words.includes(gone)) return Promise.resolve(undefined);
    return knowing(...words);
  };
  const { printed } = await site.type("leases --format '{{.Network}}'", { docker });
  expect(printed).toBe(text('fw500', 'fw500'));
});

it('a name moves no cursor, with a template of the user either', async () => {
  const containers = { x: { Name: 'a\u001b[2J', EndpointID: BOX.endpoint, MacAddress: BOX.mac } };
  const docker: RunDocker = (...words) =>
    words[1] === 'inspect'
      ? Promise.resolve(JSON.stringify([{ Id: NETWORK_ID, Name: 'fw500', Containers: containers }]))
      : knowing(...words);
  const { printed } = await site.type("leases --format '{{.Container}}'", { docker });
  expect(printed).toBe(text('a?[2J', '(gone)'));
  expect([cleanLines('a\u009bb\nc'), escapeC1('"\u009b"')]).toEqual(['a?b\nc', '"\\u009b"']);
});
