import { SamplingDecision, trace } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Sampler, Telemetry } from '@throughline/test-telemetry';
import { afterEach, expect, test } from 'vitest';
import { messageHeaders } from '../src/adapter.ts';
import { kafka, receiverSettings, sendAll, senderSettings, startTopic } from '../src/messaging/index.ts';
import type { MessageShape, Place, ReceiverOptions, SenderOptions } from '../src/messaging/index.ts';
import { runMessageHandler } from '../src/messaging/receiving.ts';

const scope = { name: 'test', version: '1' };
const shape: MessageShape = {
  reader: messageHeaders,
  headers: (message) => (message as { headers?: object }).headers,
  holdsFields: () => false,
  writer: () => (message) => message,
};
const kind = { scope, system: kafka, errorType: () => undefined };
const sender = (options: SenderOptions, places: () => Place[] = () => []): ReturnType<typeof senderSettings> =>
  senderSettings(options, { ...kind, shape, places, suppresses: () => true });
const receiverOf = (options: ReceiverOptions<never>): ReturnType<typeof receiverSettings<never>> =>
  receiverSettings(options, { ...kind, messageOf: () => undefined });

let telemetry: Telemetry;
afterEach(() => telemetry.shutdown());

/** Samples all or nothing, and keeps what it was shown. */
function showing(decision: SamplingDecision): { sampler: Sampler; seen: Attributes[] } {
  const seen: Attributes[] = [];
  const sampler: Sampler = {
    shouldSample(_context, _traceId, _name, _kind, attributes) {
      seen.push({ ...attributes });
      return { decision };
    },
  };
  return { sampler, seen };
}

test.each([
  ['recorded', SamplingDecision.RECORD_AND_SAMPLED],
  ['not recorded', SamplingDecision.NOT_RECORD],
])('samplers see what the conventions name for them; a span that is %s', async (_, decision) => {
  const { sampler, seen } = showing(decision);
  telemetry = startTelemetry({ sampler });
  let asked = 0;
  const message = {
    get key(): string {
      asked++;
      return 'k';
    },
    value: null,
  };
  startTopic('t', [[message]], sender({ clientId: 'c', recordKey: true })).end();
  const receiver = receiverOf({ groupId: 'g', clientId: 'c' });
  const timestamp = String(Date.now() - 10_000);
  runMessageHandler(
    { topic: 't', partition: 2, timestamp, headers: {}, message: { key: null, value: null, offset: '7' } },
    undefined as never,
    () => {},
    receiver,
  );

  const operation = (name: string): Attributes => ({
    'messaging.system': 'kafka',
    'messaging.operation.name': name,
    'messaging.operation.type': name,
    'messaging.destination.name': 't',
  });
  const process = {
    ...operation('process'),
    'messaging.destination.partition.id': '2',
    'messaging.consumer.group.name': 'g',
  };
  expect(seen).toEqual([operation('send'), process]);
  if (decision === SamplingDecision.NOT_RECORD) {
    expect(asked).toBe(0);
    return;
  }
  expect(telemetry.find('send t').attributes).toEqual({
    ...operation('send'),
    'messaging.client.id': 'c',
    'messaging.kafka.message.key': 'k',
    'messaging.kafka.message.tombstone': true,
  });
  expect(telemetry.find('process t').attributes).toEqual({
    ...process,
    'messaging.client.id': 'c',
    'messaging.kafka.offset': 7,
    'messaging.kafka.message.tombstone': true,
    'throughline.queue.duration': expect.closeTo(10, 0) as unknown,
    'throughline.calls': 0,
  });
});

test('with `spans: false` nothing is written onto the span of the caller', async () => {
  telemetry = startTelemetry();
  await trace.getTracer('caller').startActiveSpan('caller', async (span) => {
    const message = { key: 'k', value: 'v', headers: {} };
    const placed = (): Place[] => [{ topic: 't', partition: 1, offset: '7' }];
    const outgoing = startTopic('t', [[message]], sender({ spans: false, clientId: 'c' }, placed));
    await sendAll([outgoing], async () => {}, true);
    startTopic('t', [[message]], sender({ spans: false, spanPerMessage: true, clientId: 'c' })).end();
    span.end();
  });
  expect(telemetry.find('caller').attributes).toEqual({});
});

test('where the broker put a message is on the span of its send; an answer that cannot be read is let be', async () => {
  telemetry = startTelemetry();
  const send = (places: () => Place[]): unknown =>
    sendAll([startTopic('t', [[{ value: 'v' }]], sender({}, places))], async () => 'answer', true);
  const others = [{ topic: 'other', partition: 0, offset: '1' }];
  expect(await send(() => [...others, { topic: 't', partition: 1, offset: '7' }])).toBe('answer');
  expect(
    await send(() => {
      throw new TypeError('an answer of another client');
    }),
  ).toBe('answer');
  const [placed, unplaced] = telemetry.spans().map((span) => span.attributes);
  const where = { 'messaging.destination.partition.id': '1', 'messaging.kafka.offset': 7 };
  expect(placed).toEqual({ ...unplaced, ...where });
  expect(unplaced?.['error.type']).toBeUndefined();
});

test('a key that cannot be looked at leaves no hop open', () => {
  telemetry = startTelemetry();
  const key: unknown = new Proxy(
    {},
    {
      getPrototypeOf() {
        throw new TypeError('hostile');
      },
    },
  );
  const receiver = receiverOf({ recordKey: true });
  runMessageHandler(
    { topic: 't', partition: 0, headers: {}, message: { key, value: 'v' } },
    undefined as never,
    () => {},
    receiver,
  );
  startTopic('t', [[{ key, value: 'v' }]], sender({ spanPerMessage: true, recordKey: true })).end();
  expect(telemetry.spans().map((span) => [span.name, span.attributes['messaging.kafka.message.key']])).toEqual([
    ['process t', undefined],
    ['create t', undefined],
    ['send t', undefined],
  ]);
});

test('what is remembered of the last topic is not said of the next: other topics, partitions, a group that is told later', () => {
  const { sampler, seen } = showing(SamplingDecision.RECORD_AND_SAMPLED);
  telemetry = startTelemetry({ sampler });
  const producer = sender({});
  for (const topic of ['a', 'a', 'b', 'a']) startTopic(topic, [[{}]], producer).end();
  const receiver = receiverOf({});
  const receive = (topic: string, partition: number): void => {
    runMessageHandler(
      { topic, partition, headers: undefined, message: { offset: '1' } },
      undefined as never,
      () => {},
      receiver,
    );
  };
  receive('a', 0);
  receive('a', 1);
  receiver.groupId = 'late';
  receive('a', 1);
  receive('b', 1);
  const names = telemetry.spans().map(({ name }) => name);
  expect(names).toEqual(['send a', 'send a', 'send b', 'send a', 'process a', 'process a', 'process a', 'process b']);
  const [topic, partition, group] = [
    'messaging.destination.name',
    'messaging.destination.partition.id',
    'messaging.consumer.group.name',
  ];
  expect(seen.map((attributes) => [attributes[topic], attributes[partition], attributes[group]])).toEqual([
    ['a', undefined, undefined],
    ['a', undefined, undefined],
    ['b', undefined, undefined],
    ['a', undefined, undefined],
    ['a', '0', undefined],
    ['a', '1', undefined],
    ['a', '1', 'late'],
    ['b', '1', 'late'],
  ]);
});
