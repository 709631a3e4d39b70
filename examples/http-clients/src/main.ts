/** `pnpm start`: asks by each client, shows the trace that this leaves, and fails where it is not sound. */
import { checkChains, renderTree } from '@throughline/verify';
import { runClients } from './run.ts';

const spans = await runClients();
const { verdict } = checkChains(spans, { services: ['gateway', 'planner'], expect: 'one-trace' });
process.stdout.write(`${renderTree(spans)}\n\n${verdict}\n`);
if (verdict !== 'sound') process.exitCode = 1;
