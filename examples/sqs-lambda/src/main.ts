/** `pnpm start`: runs the tasks on a queue, and shows the traces that this leaves. Ends with 1 where a chain is broken. */
import { startSqs } from '@throughline/servers';
import { checkChains, renderTree, renderVerdict } from '@throughline/verify';
import { runTasks } from './run.ts';

await using server = await startSqs();
const report = checkChains(await runTasks(server.url, ['solar', 'wind']));
process.stdout.write(`${renderTree(report)}\n${renderVerdict(report)}\n`);
process.exitCode = report.verdict === 'sound' ? 0 : 1;
