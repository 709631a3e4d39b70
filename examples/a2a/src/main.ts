import { checkChains, renderTree } from '@throughline/verify';
import { byTrace, tellStory } from './desk.ts';

const { answers, spans } = await tellStory(1);
for (const { text } of answers) console.log(text);
for (const trace of byTrace(spans)) {
  const { verdict, findings } = checkChains(trace, { expect: 'one-trace' });
  console.log(`\n${renderTree(trace)}\n${[verdict, ...findings.map(({ message }) => message)].join('\n- ')}`);
  if (verdict !== 'sound') process.exitCode = 1;
}
