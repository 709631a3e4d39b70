/** Takes tasks off their queue, looks things up with its tools, and puts what it finds on the queue of results. */
import { runAgent } from '@throughline/agent';
import type { HopOptions } from '@throughline/core';
import { runProcess, say } from './agent.ts';
import { modelChoice } from './choose.ts';
import type { Choose } from './choose.ts';
import { parseMessage, setting, Task } from './desk.ts';
import type { Citation, Result } from './desk.ts';
import { loggedEvents, loggedStep } from './logs.ts';
import { quote } from './quote.ts';
import { openRoad } from './roads/open.ts';
import { connectTools } from './tools.ts';
import type { Tools } from './tools.ts';

const MAX_CITATIONS = 2;
const analyst = setting('DESK_ANALYST');
const options: HopOptions = { agent: analyst };

await runProcess('analyst', analyst, async () => {
  const road = await openRoad({ name: analyst, options, sends: 'results', receives: 'tasks' });
  const choose = modelChoice();
  let tools: Promise<Tools> | undefined;

  await road.receive(async (text) => {
    const task = parseMessage(Task, text, say);
    if (task === undefined) return undefined;
    say(`takes the ${task.aspect} task: ${task.wording}`);
    // The first task connects, so that the handshakes belong to the question that wanted them.
    tools ??= connectTools(analyst);
    tools.catch(() => (tools = undefined));
    const found = await tools
      .then((ready) =>
        runAgent(analyst, loggedEvents(), () =>
          loggedStep('turn', { aspect: task.aspect }, () => research(task, ready, choose)),
        ),
      )
      .then(
        (citations) => ({ citations: [...citations] }),
        (error: unknown) => ({ citations: [], error: error instanceof Error ? error.message : String(error) }),
      );
    const result: Result = { task: task.id, question: task.question, aspect: task.aspect, analyst, ...found };
    return JSON.stringify(result);
  });
  return {
    stop: async () => {
      await road.close();
      await (await tools?.catch(() => undefined))?.close();
    },
  };
});

/** Searches, reads the best hits where they stand, quotes what they say about the terms, and asks the model which is best. */
async function research(task: Task, tools: Tools, choose: Choose): Promise<readonly Citation[]> {
  const citations: Citation[] = [];
  for (const hit of await tools.search(task.terms, task.kind)) {
    if (citations.length === MAX_CITATIONS) break;
    const found = quote(await tools.read(hit), hit.heading, task.terms);
    if (found === undefined) continue;
    citations.push({ file: hit.file, line: hit.line + found.offset, heading: hit.heading, text: found.text });
  }
  return choose(task, citations);
}
