/** `bench WORD [ARG]...`: runs one part of the benchmark, or a helper. scripts/bench starts it. */
import { attach } from './parts/attach.ts';
import { burst } from './parts/burst.ts';
import { data } from './parts/data.ts';
import { calls } from './parts/calls.ts';
import { engine } from './parts/engine.ts';
import { footprint } from './parts/footprint.ts';
import { report } from './figures/report.ts';
import { guard } from './parts/guard.ts';
import { operator } from './parts/operator.ts';
import { scale } from './parts/scale.ts';
import { uplink } from './parts/uplink.ts';
import { responder } from './site/server/responder.ts';

type Command = (args: readonly string[]) => void | Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  attach,
  burst,
  data,
  calls,
  engine,
  footprint,
  guard,
  operator,
  scale,
  uplink,
  responder,
  report: ([folder = '', output = '', ...parts]) => report(folder, output, parts),
};

const [word = '', ...args] = process.argv.slice(2);
const command = COMMANDS[word];
if (command === undefined) throw new Error(`no part called "${word}"`);
void Promise.resolve(command(args)).catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
});
