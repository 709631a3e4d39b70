/** `pnpm start`: asks one question, and judges the trace that this leaves. Exits 0 only when that is one whole trace. */
import { checkChains, renderTree } from '@throughline/verify';
import { askDesk } from './run.ts';

const { answer, spans } = await askDesk();
const { verdict, findings } = checkChains(spans, { expect: 'one-trace' });
process.stdout.write(`${answer}\n${renderTree(spans)}\n`);
process.stdout.write(`${[verdict, ...findings.map(({ message }) => message)].join('\n- ')}\n`);
process.exitCode = verdict === 'sound' ? 0 : 1;
