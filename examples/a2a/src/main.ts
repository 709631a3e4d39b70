import { checkTrace, renderTree, renderVerdict } from '@throughline/verify';
import { byTrace, tellStory } from './desk.ts';

const { answers, spans } = await tellStory(1);
for (const { text } of answers) console.log(text);
for (const trace of byTrace(spans)) {
  const report = checkTrace(trace);
  console.log(`\n${renderTree(report)}\n${renderVerdict(report)}`);
  if (report.verdict !== 'sound') process.exitCode = 1;
}
