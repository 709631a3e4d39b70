/** `pnpm start`: runs the outbox on a broker, and shows the traces that this leaves. */
import { startKafka } from '@throughline/servers';
import { renderTree } from '@throughline/verify';
import { runOutbox } from './run.ts';

await using kafka = await startKafka();
const spans = await runOutbox(kafka.brokers);
process.stdout.write(`${renderTree(spans)}\n`);
