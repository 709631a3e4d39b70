/** `pnpm start`: tells the story and judges the trace that it leaves. Exits 0 only when that is one whole trace. */
import { checkTrace, renderTree, renderVerdict } from '@throughline/verify';
import { tellStory } from './approval.ts';

const { spans, agentEndedBy } = await tellStory();
const report = checkTrace(spans);
process.stdout.write(`the agent ended by ${agentEndedBy}\n\n${renderTree(report)}\n${renderVerdict(report)}\n`);
process.exitCode = report.verdict === 'sound' ? 0 : 1;
