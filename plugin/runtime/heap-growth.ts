/**
 * How much garbage Node may gather before it collects. `--optimize-for-size` collects after each 7
 * MB, whatever is in use, and looks at all that is in use each time. So a container would cost the
 * more, the more containers there are.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap grow by `percent` of what was in use after a collection. It is set here and not on
 * the command line, because a Node that does not know the option would not start. Here such a Node
 * says on standard error that it does not know it, and goes on.
 */
export function letHeapGrowBy(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
