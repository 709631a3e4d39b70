/** BullMQ with bullmq-otel. `flow`: a job that waits for its parts, one of which is tried again. `bare`: jobs that leave the context out. */
const { listen, startTracing } = require('./telemetry.cjs');
startTracing('http', 'undici');
const { FlowProducer, Queue, Worker } = require('bullmq');
const { BullMQOtel } = require('bullmq-otel');
const express = require('express');

const { hostname: host, port } = new URL(process.env.REDIS);
const options = { connection: { host, port: Number(port) }, telemetry: new BullMQOtel('jobs') };

function gateway() {
  const queue = new Queue('pages', options);
  const flows = new FlowProducer(options);
  const app = express();
  app.post('/flow', async (request, response) => {
    const retried = { attempts: 3, backoff: { type: 'fixed', delay: 300 } };
    const pages = ['a', 'b'].map((name) => ({ name, queueName: 'pages', opts: retried }));
    await flows.add({ name: 'report', queueName: 'reports', children: pages });
    response.end();
  });
  app.post('/bare', async (request, response) => {
    await queue.add('c', {}, { telemetry: { omitContext: true } });
    response.end();
  });
  listen(app);
}

function worker() {
  const page = async ({ name, attemptsMade }) => {
    await (await fetch(`${process.env.NEXT}?q=${name}${attemptsMade}`)).text();
    if (name === 'b' && attemptsMade === 0) throw new Error('not yet');
  };
  const workers = [new Worker('pages', page, options), new Worker('reports', async () => undefined, options)];
  for (const one of workers) one.on('error', () => undefined);
  void Promise.all(workers.map((one) => one.waitUntilReady())).then(() => console.log('ready'));
}

({ gateway, worker })[process.argv[2]]();
