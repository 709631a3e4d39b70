/** Events that are streamed while the library is asked for each; the caller goes away before the last. */
const { listen, startTracing } = require('./telemetry.cjs');
startTracing('http', 'undici', 'express');
const express = require('express');
const { setTimeout: after } = require('node:timers/promises');

const app = express();
app.get('/events', async (request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let page = 0; page < 8; page++) {
    const answer = await fetch(`${process.env.NEXT}?q=${page}`);
    response.write(`data: ${await answer.text()}\n\n`);
    await after(100);
  }
  response.end();
});
listen(app);
