/** A service at the end of a chain: it searches, and calls nobody. */
const { listen, startTracing } = require('./telemetry.cjs');
startTracing('http');
const express = require('express');

const app = express();
app.get('/search', (request, response) => {
  setTimeout(() => response.json({ found: [request.query.q] }), 5);
});
listen(app);
