/** RabbitMQ tries again by itself: what a worker rejects waits in a queue of the dead, and comes back after 400 ms. */
const { listen, startTracing } = require('./telemetry.cjs');
startTracing('http', 'undici', 'amqplib');
const amqp = require('amqplib');
const express = require('express');

async function channel() {
  const opened = await (await amqp.connect(process.env.RABBIT)).createChannel();
  await opened.assertQueue('jobs', { deadLetterExchange: '', deadLetterRoutingKey: 'jobs.later' });
  await opened.assertQueue('jobs.later', {
    deadLetterExchange: '',
    deadLetterRoutingKey: 'jobs',
    messageTtl: 400,
  });
  return opened;
}

async function gateway() {
  const opened = await channel();
  const app = express();
  app.post('/job', (request, response) => {
    opened.sendToQueue('jobs', Buffer.from('one'));
    response.end();
  });
  listen(app);
}

async function worker() {
  const opened = await channel();
  await opened.consume('jobs', async (message) => {
    const [death] = message.properties.headers['x-death'] ?? [];
    const tried = death?.count ?? 0;
    await (await fetch(`${process.env.NEXT}?q=try${tried}`)).text();
    if (tried < 2) opened.nack(message, false, false);
    else opened.ack(message);
  });
  console.log('ready');
}

void { gateway, worker }[process.argv[2]]();
