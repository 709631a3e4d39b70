/** `pnpm start`: tells the story and judges the trace that it leaves. Exits 0 only when that is one whole trace. */
import { checkChains, renderTree } from '@throughline/verify';
import { tellStory } from './approval.ts';

const { spans, agentEndedBy } = await tellStory();
const { verdict, findings } = checkChains(spans, { expect: 'one-trace' });
process.stdout.write(`the agent ended by ${agentEndedBy}\n\n${renderTree(spans)}\n`);
process.stdout.write(`${[verdict, ...findings.map(({ message }) => message)].join('\n- ')}\n`);
process.exitCode = verdict === 'sound' ? 0 : 1;
