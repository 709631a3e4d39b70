import { startRabbitmq } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import amqplib from 'amqplib';

const telemetry = startTelemetry();
const rabbitmq = await startRabbitmq();
const { url } = rabbitmq;
let handle: (traceId: unknown) => void;
const handled = new Promise<unknown>((resolve) => (handle = resolve));

// #region readme
import { traceConnection } from '@throughline/amqplib';

const connection = traceConnection(await amqplib.connect(url), { agent: 'planner' });
const channel = await connection.createConfirmChannel();
// #endregion

import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';

const { queue } = await channel.assertQueue('tasks');
channel.sendToQueue(queue, Buffer.from('compare the plans'));
await channel.waitForConfirms();
await channel.consume(queue, (message) => {
  if (message === null) return;
  handle(trace.getActiveSpan()?.spanContext().traceId);
  channel.ack(message);
});
assert.equal(await handled, telemetry.find('send tasks').spanContext().traceId);
await connection.close();
await rabbitmq.stop();
await telemetry.shutdown();
console.log('the message is handled in the trace that sent it');
