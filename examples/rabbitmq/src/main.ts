/** `pnpm start`: starts RabbitMQ, runs the desk, shows its causal tree, and fails when that is not sound. */
import { startRabbitmq } from '@throughline/servers';
import { checkChains, renderTree } from '@throughline/verify';
import { runDesk, services } from './run.ts';

await using rabbitmq = await startRabbitmq();
const spans = await runDesk(rabbitmq.url);
process.stdout.write(`${renderTree(spans)}\n`);
process.exitCode = checkChains(spans, { services, expect: 'one-trace' }).verdict === 'sound' ? 0 : 1;
