/** `POST /{binding}` with a question: asks the planner over that binding. */
import express from 'express';
import { clientsFor } from './agents.ts';
import type { Binding } from './agents.ts';
import { asking, textOf } from './message.ts';
import { serve } from './serve.ts';

const planner = await clientsFor(process.env['PLANNER_URL'] as string);
await serve('gateway', async (app) => {
  app.post('/:binding', express.text(), async (request, response) => {
    const binding = request.params.binding as Binding;
    response.end(textOf(await planner[binding].sendMessage(asking(`${binding} ${String(request.body)}`))));
  });
});
