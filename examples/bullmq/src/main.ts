/** `pnpm start`: runs the desk on Redis, shows the traces that this leaves, and fails where they are not sound. */
import { startRedis } from '@throughline/servers';
import { checkChains, renderTree } from '@throughline/verify';
import { runDesk } from './run.ts';

await using redis = await startRedis();
const { spans, said } = await runDesk(redis.url);
const report = checkChains(spans, { services: ['desk', 'analyst', 'writer'] });
process.stdout.write(`${said}\n${renderTree(spans)}\n`);
process.exitCode = report.verdict === 'sound' ? 0 : 1;
