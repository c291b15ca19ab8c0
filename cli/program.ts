/** The commands, their words and options, and their help. */
import { Command, Option } from 'commander';
import { doctor, type DoctorOptions } from './commands/doctor.ts';
import { events, type EventOptions } from './commands/events.ts';
import { lease, leases, networks, type LeaseOptions } from './commands/leases.ts';
import { metrics } from './commands/metrics.ts';
import { probe, type ProbeOptions } from './commands/probe.ts';
import { release, renew } from './commands/renew-release.ts';
import { parseServerKind } from './commands/reserve.ts';
import { report } from './commands/report.ts';
import type { Surroundings } from './commands/surroundings.ts';
import { completionFor, SHELLS } from './completion.ts';
import { trace, type TraceOptions } from './commands/trace.ts';
import { CommandError } from './errors.ts';
import { SERVERS } from './views/reservations.ts';

export interface Program {
  readonly surroundings: () => Surroundings;
  /** The name by which it was called: `docker vlandhcp`. */
  readonly name: string;
  readonly version: string;
  /** Told the exit code of the command. */
  readonly exit: (code: number) => void;
}

const KEY = 'an address, a MAC, or a container (name or ID)';
const EXITS = `
Exit status:
  0  the command worked, and everybody has a lease
  1  the command failed; standard error says why
  2  the command worked, and a container or the host is without a lease`;

const DOCTOR_EXITS = `
Nothing is changed, and nothing is leased.

Exit status:
  0  nothing is wrong
  1  the command failed; standard error says why
  2  something is wrong, or should be looked at`;

export function makeProgram({ surroundings, name, version, exit }: Program): Command {
  const program = new Command(name.split(' ').at(-1) ?? name)
    .description(
      'Who has which address, and what happened: networks, leases and events of the plugin.',
    )
    .usage('COMMAND [OPTIONS]')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .showHelpAfterError(`Type ${name} --help for the commands.`)
    .configureHelp({ commandUsage: (command) => usageOf(command, name) })
    .addHelpText('after', EXITS);
  const add = (words: string, about: string) =>
    program
      .command(words)
      .description(about)
      .configureHelp({
        commandUsage: (command) => usageOf(command, name),
      });
  const done = async (work: Promise<number>) => exit(await work);

  withOutput(add('networks', 'List networks, with how many leases are in which state')).action(
    (options: Output) => done(networks(surroundings(), options)),
  );
  withOutput(add('leases', 'List who has which address'))
    .option('-n, --network <NETWORK>', 'only those of this network (name or ID)')
    .option('-w, --watch', 'list them again whenever something changes')
    .addOption(reserveOption().conflicts(['watch', 'json', 'format']))
    .addHelpText('after', EXITS)
    .action((options: LeaseOptions) => done(leases(surroundings(), options)));
  add('lease', 'Show all about a lease, and its history')
    .argument('<KEY>', `${KEY}; also an address that nobody has any more`)
    .addOption(jsonOption())
    .addOption(reserveOption().conflicts('json'))
    .addHelpText('after', EXITS)
    .action((key: string, options: LeaseOptions) => done(lease(surroundings(), key, options)));
  withOutput(add('events', 'Show what happened, or what happens'))
    .option(
      '-s, --since <WHEN>',
      'from then on: 10m, 2h, 3d, 03:00, 2026-11-28T03:00, or the number of an event',
    )
    .option('-f, --follow', 'go on, and print each event as it happens')
    .option('-n, --network <NETWORK>', 'only those of this network (name or ID)')
    .option('-t, --type <TYPES>', 'only these types: lease.lost,address.conflict')
    .option('-a, --all', 'calls of Docker, too')
    .action((options: EventOptions) => done(events(surroundings(), options)));
  add('renew', 'Ask the DHCP server now to extend a lease, and wait for its answer')
    .argument('<KEY>', KEY)
    .action((key: string) => done(renew(surroundings(), key)));
  add('release', 'Give back a lease that is held for a container that is gone')
    .argument('<KEY>', 'an address or a MAC')
    .action((key: string) => done(release(surroundings(), key)));
  withOutput(add('probe', 'Find the VLANs of a trunk that have a DHCP server; takes up to 40 s'))
    .requiredOption('-p, --parent <LINK>', 'the link that is plugged into the trunk, such as eth1')
    .option('-v, --vlans <LIST>', 'VLANs, such as 10,500-600; 0 is the one without a tag', '1-4094')
    .addHelpText('after', 'Nothing is leased, and no link is made.')
    .action((options: ProbeOptions) => done(probe(surroundings(), options)));
  add('trace', 'Show what DHCP clients send and hear, and why they ignore it, until ^C')
    .argument('<NETWORK|KEY>', `a network (name or ID), ${KEY}`)
    .addOption(jsonOption())
    .option(
      '--pcap <FILE>',
      'also write the frames to a new file for Wireshark; - is standard output',
    )
    .option('--for <TIME>', 'end after that time, such as 10s or 2m')
    .addHelpText(
      'after',
      'A network shows containers that start, too. Conflicts and IPv6 routers are shown beside DHCP.',
    )
    .action((key: string, options: TraceOptions) => done(trace(surroundings(), key, options)));
  add('metrics', 'Print metrics in the text format of Prometheus').action(() =>
    done(metrics(surroundings())),
  );
  withOutput(add('doctor', 'Find out what is wrong, and what mends it; takes some seconds'))
    .option('-n, --network <NETWORK>', 'only this network (name or ID)')
    .addHelpText('after', DOCTOR_EXITS)
    .action((options: DoctorOptions) => done(doctor(surroundings(), options)));
  add('report', 'Write one file for a bug report; names, addresses and IDs are replaced')
    .argument('[FILE]', 'a new file; - is standard output')
    .action((file?: string) => done(report(surroundings(), file)));
  const ours = (words: string, about: string) =>
    add(words, about)
      .allowUnknownOption()
      .argument('[WORDS...]')
      .action(() => {
        throw new CommandError(`${words} is done by the script docker-vlandhcp; start that`);
      });
  ours('set', 'Change settings of the managed plugin: set LOG_LEVEL=debug');
  ours('enable', 'Start the managed plugin');
  ours('disable', 'Stop the managed plugin; containers keep their traffic');
  ours('logs', 'Show the log of the managed plugin: logs [-f] [FILE]');
  ours('upgrade', 'Replace the managed plugin by another version: upgrade [--yes] REFERENCE');
  ours('remove', 'Remove the managed plugin, unless a network uses it');
  ours('hub', 'Serve the trunk of this host to hosts elsewhere: hub --help');
  ours('uplink', 'Have the trunk of a site that is elsewhere: uplink --help');
  add('completion', 'Print a script that completes commands and options')
    .argument('<SHELL>', SHELLS.join(', '))
    .action((shell: string) => {
      surroundings().print(completionFor(shell, program));
    });
  return program;
}

type Output = { json?: boolean; format?: string };

function usageOf(command: Command, name: string): string {
  const own = command.parent === null ? '' : ` ${command.name()}`;
  return `${name}${own} ${command.usage()}`;
}

function jsonOption(): Option {
  return new Option('--json', 'print JSON, for programs');
}

function reserveOption(): Option {
  return new Option(
    '-r, --reserve <SERVER>',
    `print what to paste into the DHCP server: ${SERVERS.join(', ')}`,
  ).argParser(parseServerKind);
}

function withOutput(command: Command): Command {
  return command
    .addOption(jsonOption().conflicts('format'))
    .option('--format <FORMAT>', "as Docker's: json, '{{.Field}} …' or 'table {{.Field}}\\t…'");
}
