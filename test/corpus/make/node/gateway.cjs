/**
 * A service that calls the next one with fetch. `exit` ends its process in the middle of its third request, as a crash does; `memory`
 * answers by itself.
 */
const { listen, startTracing } = require('./telemetry.cjs');
startTracing('http', 'undici');
const express = require('express');

const app = express();
let asked = 0;
app.get('/ask', async (request, response) => {
  if (process.argv[2] === 'memory') return response.json({ found: ['what I know'] });
  const answer = await fetch(`${process.env.NEXT}?q=${request.query.q}`);
  if (process.argv[2] === 'exit' && ++asked === 3) setTimeout(() => process.exit(1), 500);
  else response.json(await answer.json());
});
listen(app);
