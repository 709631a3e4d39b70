/** Takes tasks off the topic, looks things up with its tools, and puts what it finds on the topic of results. */
import { runAgent } from '@throughline/agent';
import type { HopOptions } from '@throughline/core';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import { runProcess, say } from './agent.ts';
import { adapter, dropping } from './breaking.ts';
import { modelChoice } from './choose.ts';
import type { Choose } from './choose.ts';
import { setting, Task } from './desk.ts';
import type { Citation, Result } from './desk.ts';
import { assigned, deskConsumer, kafkaClient, parseMessage, topics } from './kafka.ts';
import { loggedEvents, loggedStep } from './logs.ts';
import { quote } from './quote.ts';
import { connectTools } from './tools.ts';
import type { Tools } from './tools.ts';

const MAX_CITATIONS = 2;
const analyst = setting('DESK_ANALYST');
const options: HopOptions = { agent: analyst };

await runProcess('analyst', analyst, async () => {
  const { tasks: tasksTopic, results: resultsTopic } = topics();
  const kafka = kafkaClient(analyst);
  const sending = { ...options, ...dropping('kafka-results') };
  const producer = adapter('kafka-results-sender', traceProducer)(kafka.producer(), sending);
  const consumer = adapter('kafka-receiver', traceConsumer)(deskConsumer(kafka, tasksTopic), options);
  const choose = modelChoice();
  let tools: Promise<Tools> | undefined;

  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topic: tasksTopic, fromBeginning: true });
  const joined = assigned(consumer);
  await consumer.run({
    eachMessage: async ({ message }) => {
      const task = parseMessage(Task, message);
      if (task === undefined) return;
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
      await producer.send({ topic: resultsTopic, messages: [{ value: JSON.stringify(result) }], reply: true });
    },
  });
  await joined;
  return {
    stop: async () => {
      await consumer.disconnect();
      await producer.disconnect();
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
