import { startNats, startRabbitmq, startRedis, startSqs } from '@throughline/servers';
import type { Effort } from '../measure.ts';
import type { Report } from '../results.ts';
import { report } from './section.ts';
import type { Section } from './section.ts';

const file = (name: string): URL => new URL(name, import.meta.url);

const FED = 'What is received comes from another process, with a `traceparent`.';

const sections: readonly Section[] = [
  {
    title: 'amqplib',
    method: `amqplib 2 on RabbitMQ, messages of 1 KB, 100 at once, each confirmed or acknowledged. ${FED}`,
    file: file('amqplib.ts'),
    start: startRabbitmq,
    peer: { name: 'instrumentation-amqplib', patches: true },
    floor:
      "Its floor: what is sent is within what two runs differ by. Of what is received, hand-written costs as much as ours: the instrumentation's span has no link, and fewer attributes.",
    tasks: [
      {
        task: 'publish',
        what: '`sendToQueue` with a confirm',
        count: 2000,
        warmUp: 40_000,
        constant: true,
        peerTarget: 1,
      },
      { task: 'consume', what: '`consume` and `ack`', count: 2000, warmUp: 40_000, peerTarget: 1 },
    ],
  },
  {
    title: 'nats',
    method: `nats-core 3 on nats-server, messages of 1 KB: published 100 before each \`flush\`, 20 requests at once, whose answers are of the same process and carry its context; a request of a hand-written span looks at the answer for the error of a service, as ours do. ${FED} There is no other tracing for this client.`,
    file: file('nats.ts'),
    start: startNats,
    floor: '`publish` is within what two runs differ by: it was 1.21 the day before.',
    tasks: [
      { task: 'publish', what: '`publish`', count: 5000, warmUp: 100_000, constant: true },
      { task: 'request', what: '`request` and its answer, both ends', count: 1000, warmUp: 30_000, constant: true },
      { task: 'callback', what: 'a subscription with a callback', count: 5000, warmUp: 100_000 },
      { task: 'loop', what: 'a subscription by `for await`', count: 5000, warmUp: 100_000 },
    ],
  },
  {
    title: 'bullmq',
    method: `BullMQ 6 on Redis, jobs of 1 KB: 20 added at once, 20 processed at once. ${FED}`,
    file: file('bullmq.ts'),
    start: startRedis,
    peer: { name: 'bullmq-otel', patches: false },
    floor:
      'Its floor: our own functions take 9 to 10 microseconds of a job. BullMQ tells its Telemetry of each step by closures and promises, and what a job is comes only after its context is entered, so that one is made before and another after. Turns of the same variant differ by 10.',
    tasks: [
      { task: 'add', what: '`queue.add`', count: 1000, warmUp: 8000, peerTarget: 1 },
      { task: 'process', what: 'a job of a worker', count: 400, warmUp: 8000, peerTarget: 1 },
    ],
  },
  {
    title: 'sqs',
    method: `client-sqs 3 on ElasticMQ, messages of 1 KB: 10 sends at once; 10 received at once and handled one by one. ${FED} On receiving the peer has a span for each call, and none for a message, so there is no target.`,
    file: file('sqs.ts'),
    start: startSqs,
    peer: { name: 'instrumentation-aws-sdk', patches: true },
    floor:
      'What a call costs bare is ten times as much, and the same row of two runs differs by 30 microseconds: 0.67, 1.32 and 2.28 are three runs of `ReceiveMessage` and a handler.',
    tasks: [
      { task: 'send', what: '`SendMessage`', count: 100, warmUp: 2000, peerTarget: 1 },
      { task: 'receive', what: '`ReceiveMessage` and a handler', count: 200, warmUp: 4000 },
    ],
  },
  {
    title: 'lambda',
    method: 'One invocation after the other of an event of API Gateway (HTTP API), with an export before each answer.',
    file: file('lambda.ts'),
    peer: { name: 'instrumentation-aws-lambda', patches: true },
    floor:
      'Its floor: a timer ends the span before a function that is out of time is killed, another bounds the export, and what X-Ray says is read from the environment at each invocation. Neither opponent has that.',
    tasks: [{ task: 'http', what: '`traceLambda`, an HTTP request', count: 2000, warmUp: 40_000, peerTarget: 1 }],
  },
];

/** CPU that tracing adds to a message, both ends, on real servers. */
export const queueBenchmarks: Readonly<Record<string, (effort: Effort) => Promise<Report>>> = Object.fromEntries(
  sections.map((section) => [section.title, (effort: Effort) => report(section, effort)]),
);
