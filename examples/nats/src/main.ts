/** `pnpm start`: runs both agents on a server, shows the trace that this leaves, and fails where it is not sound. */
import { startNats } from '@throughline/servers';
import { checkChains, renderTree } from '@throughline/verify';
import { runAgents } from './run.ts';

await using server = await startNats();
const spans = await runAgents(server.url);
const { verdict } = checkChains(spans, { services: ['planner', 'analyst'] });
process.stdout.write(`${renderTree(spans)}\n${verdict}\n`);
process.exitCode = verdict === 'sound' ? 0 : 1;
