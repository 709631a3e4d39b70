/** `pnpm start`: runs the schedule, and shows the traces that this leaves. */
import { renderTree } from '@throughline/verify';
import { runSchedule } from './run.ts';

const spans = await runSchedule();
process.stdout.write(`${renderTree(spans)}\n`);
