import { runProcess, say } from '../../src/agent.ts';

await runProcess('obedient', 'obedient', async () => {
  say('is here');
  return { url: 'http://127.0.0.1:1', stop: async () => {} };
});
// Something that would keep it alive for ever.
setInterval(() => {}, 1000);
