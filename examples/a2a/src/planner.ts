/** Hands every question over to the researcher, over the binding that its first word names. */
import { clientsFor } from './agents.ts';
import type { Binding } from './agents.ts';
import { asking, Answering, textOf } from './message.ts';
import { serveAgent } from './serve.ts';

const researcher = await clientsFor(process.env['RESEARCHER_URL'] as string);
const planner = new Answering(async (task) => {
  const [binding, ...question] = task.split(' ');
  let found = '';
  for await (const { payload } of researcher[binding as Binding].sendMessageStream(asking(question.join(' ')))) {
    if (payload?.$case === 'statusUpdate') found = textOf(payload.value);
  }
  return `The answer: ${found}`;
});
await serveAgent('planner', planner);
