/** `pnpm start`: opens the page, and judges the trace that this leaves. Exits 0 only when that of the page is whole. */
import { checkChains, renderTree } from '@throughline/verify';
import { openPage } from './run.ts';

const { told, spans } = await openPage();
const { verdict, findings } = checkChains(spans, { services: ['site', 'api'] });
process.stdout.write(`the page was told: ${told.join(', ')}\n\n${renderTree(spans)}\n`);
process.stdout.write(`${[verdict, ...findings.map(({ message }) => message)].join('\n- ')}\n`);
process.exitCode = verdict === 'sound' ? 0 : 1;
