/** `pnpm start`: runs the services on a broker, and shows the traces that this leaves. */
import { startKafka } from '@throughline/servers';
import { renderTree } from '@throughline/verify';
import { runRetries } from './run.ts';

await using kafka = await startKafka();
const spans = await runRetries(kafka.brokers);
process.stdout.write(`${renderTree(spans)}\n`);
