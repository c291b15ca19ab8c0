/** `bench WORD [ARG]...`: one part of the benchmark, or one of its helpers; started by scripts/bench. */
import { attach } from './attach.ts';
import { burst } from './burst.ts';
import { data } from './data.ts';
import { calls } from './calls.ts';
import { engine } from './engine.ts';
import { footprint } from './footprint.ts';
import { report } from './report.ts';
import { scale } from './scale.ts';
import { responder } from './responder.ts';

type Command = (args: readonly string[]) => void | Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  attach,
  burst,
  data,
  calls,
  engine,
  footprint,
  scale,
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
