import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  ListQueuesCommand,
  paginateListQueues,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQS,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import { context, diag, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { continueFromLineage } from './lineage.ts';
import { deepFreeze } from '@throughline/core/testing';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import {
  extractContext,
  forwardAttributes,
  injectAttributes,
  runWith,
  traceAws,
  tracedBatchHandler,
  tracedMessageHandler,
} from '../src/index.ts';
import { inSpan, named, newQueue, onSqs, plain, received, server, telemetry } from './on-sqs.ts';

const text = (StringValue: string): MessageAttributeValue => ({ DataType: 'String', StringValue });
const many = (count: number): Record<string, MessageAttributeValue> =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`mine${at}`, text(String(at))]));
const traceparentOf = (message: Message | undefined): string | undefined =>
  message?.MessageAttributes?.['traceparent']?.StringValue;
const inBaggage = <T>(value: string, fn: () => T): T =>
  context.with(propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value } })), fn);

onSqs('SQS', () => {
  let sqs: SQSClient;
  let queue: string;
  let name: string;
  const warnings: string[] = [];

  beforeAll(() => {
    sqs = traceAws(plain);
    diag.setLogger({ warn: (line) => void warnings.push(line), error() {}, info() {}, debug() {}, verbose() {} });
  });
  beforeEach(async () => {
    queue = await newQueue();
    name = queue.slice(queue.lastIndexOf('/') + 1);
    warnings.length = 0;
    await telemetry.reset();
  });

  it('a message carries the context of its send span, and command, input and client stay as they are', async () => {
    const stack = plain.middlewareStack.identify();
    const input = deepFreeze({ QueueUrl: queue, MessageBody: 'one', MessageAttributes: { attempt: text('1') } });
    const command = new SendMessageCommand(input);
    const answer = await inBaggage('a', () => inSpan('caller', () => sqs.send(command)));
    expect(command.input).toBe(input);
    expect(plain.middlewareStack.identify()).toEqual(stack);

    const [send] = named(`send ${name}`);
    const caller = telemetry.find('caller');
    expect(send?.kind).toBe(SpanKind.PRODUCER);
    expect(send?.parentSpanContext?.spanId).toBe(caller.spanContext().spanId);
    expect(send?.attributes).toMatchObject({
      'messaging.system': 'aws_sqs',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': name,
      'messaging.message.id': answer.MessageId,
      'aws.sqs.queue.url': queue,
    });
    const [message] = await received(queue);
    const { traceId, spanId } = send?.spanContext() ?? {};
    expect(message?.MessageAttributes).toEqual({
      attempt: text('1'),
      traceparent: text(`00-${traceId}-${spanId}-01`),
      baggage: text('throughline.lineage=1.1.32.1.-.-.-,tenant=a'),
    });
  });

  it('each message of a batch carries the context of its one send span', async () => {
    const Entries = deepFreeze([
      { Id: 'a', MessageBody: 'one' },
      { Id: 'b', MessageBody: 'two', MessageAttributes: { mine: text('2') } },
    ]);
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: queue, Entries: Entries }));
    const [send, ...others] = named(`send ${name}`);
    expect(others).toEqual([]);
    expect(send?.attributes['messaging.batch.message_count']).toBe(2);
    const messages = await received(queue, 2);
    for (const message of messages) expect(traceparentOf(message)).toContain(send?.spanContext().spanId);
    expect(messages.find(({ Body }) => Body === 'two')?.MessageAttributes?.['mine']).toEqual(text('2'));
  });

  it('with `spanPerMessage` each message has a span of its own, which the send span links', async () => {
    const each = traceAws(plain, { spanPerMessage: true });
    const Entries = ['a', 'b'].map((Id) => ({ Id, MessageBody: Id }));
    await each.send(new SendMessageBatchCommand({ QueueUrl: queue, Entries }));
    const created = named(`create ${name}`).map((span) => span.spanContext().spanId);
    expect(created).toHaveLength(2);
    expect(named(`send ${name}`)[0]?.links.map(({ context: to }) => to.spanId)).toEqual(created);
    const carried = (await received(queue, 2)).map((message) => traceparentOf(message)?.split('-')[2]);
    expect(new Set(carried)).toEqual(new Set(created));
  });

  it('a callback is called as without us, in the context of its caller', async () => {
    await inSpan('caller', async () => {
      const caller = trace.getActiveSpan();
      const [error, data, active] = await new Promise<unknown[]>((resolve) => {
        const returned: unknown = sqs.send(
          new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x' }),
          (...args: unknown[]) => resolve([...args, trace.getActiveSpan()]),
        );
        expect(returned).toBeUndefined();
      });
      expect(error).toBeNull();
      expect((data as { MessageId?: string }).MessageId).toBeTypeOf('string');
      expect(active).toBe(caller);
    });
    const failed = await new Promise<unknown>((resolve) => {
      sqs.send(new SendMessageCommand({ QueueUrl: `${queue}-none`, MessageBody: 'x' }), {}, resolve);
    });
    expect((failed as Error).name).toBe('QueueDoesNotExist');
    expect(named(`send ${name}`)).toHaveLength(1);
    expect(named(`send ${name}-none`)[0]?.attributes['error.type']).toBe('QueueDoesNotExist');
  });

  it('the aggregated client, paginators and `instanceof` work as without us', async () => {
    const aggregated = traceAws(
      new SQS({ endpoint: server.url, region: 'elasticmq', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } }),
    );
    await aggregated.sendMessage({ QueueUrl: queue, MessageBody: 'x' });
    expect(traceparentOf((await received(queue))[0])).toContain(named(`send ${name}`)[0]?.spanContext().spanId);
    expect(sqs).toBeInstanceOf(SQSClient);
    const urls: string[] = [];
    for await (const page of paginateListQueues({ client: sqs }, { QueueNamePrefix: name }))
      urls.push(...(page.QueueUrls ?? []));
    expect(urls).toEqual([queue]);
    expect((await sqs.send(new ListQueuesCommand({ QueueNamePrefix: name }))).QueueUrls).toEqual([queue]);
  });

  it('a command whose class a bundler has renamed is told by what it is', async () => {
    const renamed = { a: class extends SendMessageCommand {} }.a;
    expect(renamed.name).not.toContain('SendMessage');
    await sqs.send(new renamed({ QueueUrl: queue, MessageBody: 'x' }));
    expect(named(`send ${name}`)).toHaveLength(1);
  });

  it('with `cacheMiddleware` the client that was given stays untraced', async () => {
    const cached = new SQSClient({
      endpoint: server.url,
      region: 'elasticmq',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      cacheMiddleware: true,
    });
    const traced = traceAws(cached);
    for (const client of [traced, cached, traced, cached]) {
      await client.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x' }));
    }
    expect(named(`send ${name}`)).toHaveLength(2);
    const messages = await received(queue, 4);
    expect(messages.filter((message) => traceparentOf(message) !== undefined)).toHaveLength(2);
    cached.destroy();
  });

  it('a receive asks for what the senders wrote, beside what its caller asks for', async () => {
    await inSpan('caller', () =>
      sqs.send(
        new SendMessageCommand({
          QueueUrl: queue,
          MessageBody: 'x',
          MessageAttributes: { mine: text('1'), other: text('2') },
        }),
      ),
    );
    const ask = async (more: object): Promise<Message | undefined> =>
      (
        await sqs.send(
          new ReceiveMessageCommand({ QueueUrl: queue, VisibilityTimeout: 0, WaitTimeSeconds: 5, ...more }),
        )
      ).Messages?.[0];
    expect(Object.keys((await ask({}))?.MessageAttributes ?? {}).toSorted()).toEqual(['baggage', 'traceparent']);
    const some = await ask({ MessageAttributeNames: ['mine'], MessageSystemAttributeNames: ['SentTimestamp'] });
    expect(Object.keys(some?.MessageAttributes ?? {}).toSorted()).toEqual(['baggage', 'mine', 'traceparent']);
    expect(Object.keys(some?.Attributes ?? {})).toEqual(['SentTimestamp']);
    const all = await ask({ MessageAttributeNames: ['All'], AttributeNames: ['All'] });
    expect(Object.keys(all?.MessageAttributes ?? {})).toHaveLength(4);
    expect(telemetry.spans().map((span) => span.name)).toEqual([`send ${name}`, 'caller']);
  });

  it('X-Ray counts where there is no other context', async () => {
    const traceHeader = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';
    await plain.send(
      new SendMessageCommand({
        QueueUrl: queue,
        MessageBody: 'x',
        MessageSystemAttributes: { AWSTraceHeader: text(traceHeader) },
      }),
    );
    const { Messages: [message] = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 5 }),
    );
    tracedMessageHandler(() => {}, { queue })(message as Message);
    const [process] = named(`process ${name}`);
    expect(process?.parentSpanContext).toMatchObject({
      traceId: '5759e988bd862e3fe1be46a994272793',
      spanId: '53995c3f42cd8ad8',
    });
  });

  it('deletes and changes of visibility are `settle` spans of the message that they settle', async () => {
    await inSpan('caller', () => sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x' })));
    const [message] = await received(queue);
    const handle = tracedMessageHandler(
      async ({ ReceiptHandle }: Message) => {
        await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl: queue, ReceiptHandle, VisibilityTimeout: 60 }));
        await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle }));
      },
      { queue },
    );
    await handle(message as Message);
    const [process] = named(`process ${name}`);
    const settles = named(`settle ${name}`);
    expect(settles).toHaveLength(2);
    for (const span of settles) {
      expect(span.kind).toBe(SpanKind.CLIENT);
      expect(span.parentSpanContext?.spanId).toBe(process?.spanContext().spanId);
    }
    const [send] = named(`send ${name}`);
    expect(process?.parentSpanContext?.spanId).toBe(send?.spanContext().spanId);
    expect(process?.links.map(({ context: to }) => to.spanId)).toEqual([send?.spanContext().spanId]);
    expect(process?.attributes).toMatchObject({
      'messaging.message.id': message?.MessageId,
      'messaging.operation.type': 'process',
    });
    expect(process?.attributes['throughline.queue.duration']).toBeGreaterThanOrEqual(0);
  });

  it('a delete of a batch says how many were not deleted', async () => {
    await sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x' }));
    const [message] = await received(queue);
    const answer = await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl: queue,
        Entries: [
          { Id: 'a', ReceiptHandle: message?.ReceiptHandle },
          { Id: 'b', ReceiptHandle: 'no such receipt' },
        ],
      }),
    );
    expect(answer.Failed).toHaveLength(1);
    const [settle] = named(`settle ${name}`);
    expect(settle?.attributes).toMatchObject({ 'throughline.batch.failed': 1, 'error.type': answer.Failed?.[0]?.Code });
    expect(settle?.status.code).toBe(SpanStatusCode.ERROR);
  });

  it.each([
    [8, ['baggage', 'traceparent']],
    [9, ['traceparent']],
    [10, []],
  ])('with %i attributes of the user’s there is room for %j, and the user’s arrive', async (count, ours) => {
    await inBaggage('a', () =>
      sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x', MessageAttributes: many(count) })),
    );
    const [message] = await received(queue);
    const names = Object.keys(message?.MessageAttributes ?? {});
    expect(names.filter((one) => !one.startsWith('mine')).toSorted()).toEqual(ours);
    expect(names.filter((one) => one.startsWith('mine'))).toHaveLength(count);
  });

  it('a message that is nearly as large as it may be arrives, without what it has no room for', async () => {
    const limit = 262_144;
    const send = (size: number): Promise<unknown> =>
      inBaggage('a', () => sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x'.repeat(size) })));
    // As the server itself has it.
    await expect(
      plain.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x'.repeat(limit + 1) })),
    ).rejects.toThrow();
    const seen: string[][] = [];
    for (const size of [limit, limit - 80, limit - 500]) {
      await send(size);
      const [message] = await received(queue);
      seen.push(Object.keys(message?.MessageAttributes ?? {}).toSorted());
      await plain.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: message?.ReceiptHandle }));
    }
    expect(seen).toEqual([[], ['traceparent'], ['baggage', 'traceparent']]);
  });

  it('a batch is one span that links each sender, and `runWith` runs in the trace and baggage of one message', async () => {
    for (const tenant of ['a', 'b']) {
      await inBaggage(tenant, () =>
        inSpan(`caller ${tenant}`, () => sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: tenant }))),
      );
    }
    const messages = await received(queue, 2);
    const seen: Record<string, unknown> = {};
    const handle = tracedBatchHandler(
      (batch: Message[]) =>
        Promise.all(
          batch.map((message) =>
            runWith(message, async () => {
              await Promise.resolve();
              seen[String(message.Body)] = [
                trace.getActiveSpan()?.spanContext().traceId,
                propagation.getActiveBaggage()?.getEntry('tenant')?.value,
              ];
              return message.Body;
            }),
          ),
        ),
      { queue },
    );
    expect(new Set(await handle(messages))).toEqual(new Set(['a', 'b']));
    const [process] = named(`process ${name}`);
    const sends = named(`send ${name}`);
    expect(process?.parentSpanContext).toBeUndefined();
    expect(process?.links.map(({ context: to }) => to.spanId).toSorted()).toEqual(
      sends.map((span) => span.spanContext().spanId).toSorted(),
    );
    expect(process?.attributes['messaging.batch.message_count']).toBe(2);
    for (const tenant of ['a', 'b'])
      expect(seen[tenant]).toEqual([telemetry.find(`caller ${tenant}`).spanContext().traceId, tenant]);
  });

  it('a message that comes again is a new span under the same parent', async () => {
    await sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x' }));
    const handle = tracedMessageHandler(() => {}, { queue });
    for (let delivery = 0; delivery < 2; delivery++) {
      const [message] = await received(queue);
      handle(message as Message);
      await plain.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: queue,
          ReceiptHandle: message?.ReceiptHandle,
          VisibilityTimeout: 0,
        }),
      );
    }
    const spans = named(`process ${name}`);
    expect(spans).toHaveLength(2);
    expect(new Set(spans.map((span) => span.parentSpanContext?.spanId)).size).toBe(1);
  });

  it('a dead letter that is sent on with `forwardAttributes` stays in its chain', async () => {
    const dead = await newQueue('dead');
    await sqs.send(
      new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x', MessageAttributes: { mine: text('1') } }),
    );
    const [message] = await received(queue);
    await tracedMessageHandler(
      (one: Message) =>
        sqs.send(
          new SendMessageCommand({ QueueUrl: dead, MessageBody: one.Body, MessageAttributes: forwardAttributes(one) }),
        ),
      { queue },
    )(message as Message);
    const [letter] = await received(dead);
    const deadName = dead.slice(dead.lastIndexOf('/') + 1);
    const [send] = named(`send ${deadName}`);
    expect(send?.parentSpanContext?.spanId).toBe(named(`process ${name}`)[0]?.spanContext().spanId);
    expect(traceparentOf(letter)).toContain(send?.spanContext().spanId);
    expect(letter?.MessageAttributes?.['mine']).toEqual(text('1'));
  });

  it('`injectAttributes` and `extractContext` carry a context without a wrapper', async () => {
    await inSpan('caller', () =>
      plain.send(
        new SendMessageCommand({
          QueueUrl: queue,
          MessageBody: 'x',
          MessageAttributes: injectAttributes({ mine: text('1') }),
        }),
      ),
    );
    const [message] = await received(queue);
    expect(message?.MessageAttributes?.['mine']).toEqual(text('1'));
    expect(trace.getSpanContext(extractContext(message))).toMatchObject({
      spanId: telemetry.find('caller').spanContext().spanId,
      isRemote: true,
    });
    expect(trace.getSpanContext(extractContext(undefined))).toBeUndefined();
  });

  it('a send past a limit of its chain is not made, and fails as the client does: by a promise, or by the callback', async () => {
    const enforcing = traceAws(plain, { lineage: { mode: 'enforce', maxHops: 2 } });
    const command = new SendMessageCommand({ QueueUrl: queue, MessageBody: 'x' });
    await continueFromLineage(2, async () => {
      await expect(enforcing.send(command)).rejects.toMatchObject({ code: 'ERR_THROUGHLINE_REFUSED' });
      const error = await new Promise((resolve) => enforcing.send(command, resolve));
      expect(error).toMatchObject({ code: 'ERR_THROUGHLINE_REFUSED' });
    });
    await plain.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'after' }));
    expect((await received(queue)).map(({ Body }) => Body)).toEqual(['after']);
  });
});
