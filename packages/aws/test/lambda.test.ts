import { PassThrough } from 'node:stream';
import { propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import type {
  APIGatewayProxyEventV2,
  Callback,
  Context,
  SQSBatchResponse,
  SQSEvent,
  SQSHandler,
  SQSRecord,
} from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runWith, traceLambda } from '../src/index.ts';
import type { LambdaOptions } from '../src/index.ts';
import { eventOf, lambdaContext } from './events.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const traceparent = `00-${TRACE}-${SPAN}-01`;
const tooDeep = 'throughline.lineage=1.33.32.1.-.-.-';
const enforce: LambdaOptions = { lineage: { mode: 'enforce' } };

type Handler = (event: unknown, context: unknown) => unknown;

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
beforeEach(() => telemetry.reset());
afterEach(() => vi.unstubAllEnvs());
afterAll(() => telemetry.shutdown());

/** Records of SQS with these message attributes. */
function records(...all: Record<string, string>[]): { Records: SQSRecord[] } {
  const {
    Records: [record],
  } = eventOf('sqs') as unknown as { Records: [SQSRecord] };
  return {
    Records: all.map((attributes, at) => ({
      ...record,
      messageId: `m${at}`,
      messageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, stringValue]) => [name, { stringValue, dataType: 'String' }]),
      ) as unknown as SQSRecord['messageAttributes'],
    })),
  };
}

const other = (nth: number): string => `00-${String(nth).padStart(32, 'a')}-${String(nth).padStart(16, 'b')}-01`;

describe('an HTTP request', () => {
  it.each([
    [
      'api-gateway',
      'GET /users/{id}',
      {
        'http.route': '/users/{id}',
        'url.path': '/users/42',
        'url.query': 'q=a%20b&token=REDACTED',
        'client.address': '52.255.255.12',
      },
    ],
    [
      'http-api',
      'GET /users/{id}',
      { 'http.route': '/users/{id}', 'url.path': '/users/42', 'url.query': 'q=a%20b', 'client.address': '192.0.2.1' },
    ],
    ['function-url', 'POST', { 'url.path': '/my/path', 'client.address': '192.0.2.1', 'user_agent.original': 'agent' }],
    ['alb', 'GET', { 'url.path': '/lambda', 'url.query': 'query=1234%20ABCD', 'url.scheme': 'http' }],
  ])(
    'of %s is a SERVER span that says what it was, and how the function was invoked',
    async (name, spanName, attributes) => {
      const answer = { statusCode: 404, body: 'none' };
      const handler = traceLambda<Handler>(async () => answer);
      expect(await handler(eventOf(name), lambdaContext)).toBe(answer);
      const span = telemetry.find(spanName);
      expect(span.kind).toBe(SpanKind.SERVER);
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
      expect(span.attributes).toMatchObject({
        ...attributes,
        'http.response.status_code': 404,
        'faas.trigger': 'http',
        'faas.invocation_id': lambdaContext['awsRequestId'],
        'cloud.resource_id': 'arn:aws:lambda:us-east-2:123456789012:function:analyst',
        'faas.coldstart': expect.any(Boolean) as boolean,
      });
    },
  );

  it('is an error from status 500 on, and what is no structured answer is one of 200', async () => {
    await traceLambda<Handler>(async () => ({ statusCode: 503 }))(eventOf('http-api'), lambdaContext);
    expect(telemetry.find('GET /users/{id}').attributes).toMatchObject({
      'http.response.status_code': 503,
      'error.type': '503',
    });
    await telemetry.reset();
    await traceLambda<Handler>(async () => 'hello')(eventOf('http-api'), lambdaContext);
    expect(telemetry.find('GET /users/{id}').attributes['http.response.status_code']).toBe(200);
  });

  it.each(['api-gateway', 'http-api', 'alb'])(
    'of %s is answered with `traceresponse` where its trace was restarted',
    async (name) => {
      const answer = Object.freeze({ statusCode: 200, headers: Object.freeze({ mine: '1' }), body: '' });
      const event = eventOf(name);
      for (const member of ['headers', 'multiValueHeaders']) {
        const headers = event[member];
        if (typeof headers === 'object')
          event[member] = { ...headers, traceparent: member === 'headers' ? traceparent : [traceparent] };
      }
      const handler = traceLambda<Handler>(async () => answer, { inbound: 'restart-with-link', answer: true });
      const result = (await handler(event, lambdaContext)) as {
        headers: Record<string, string>;
        multiValueHeaders?: Record<string, string[]>;
      };
      const [span] = telemetry.spans();
      const expected = `00-${span?.spanContext().traceId}-${span?.spanContext().spanId}-01`;
      expect(result.headers['mine']).toBe('1');
      expect(result.headers['traceresponse'] ?? result.multiValueHeaders?.['traceresponse']?.[0]).toBe(expected);
      expect(span?.links.map((link) => link.context.spanId)).toEqual([SPAN]);
    },
  );

  it('of a query that is no well-formed text reaches the handler', async () => {
    const event = { ...eventOf('api-gateway'), multiValueQueryStringParameters: { q: ['\uD800'] } };
    expect(await traceLambda<Handler>(async () => 'answer')(event, lambdaContext)).toBe('answer');
    expect(telemetry.find('GET /users/{id}').attributes['url.query']).toBe('q=%EF%BF%BD');
  });

  it('a message on a WebSocket is named by its route', async () => {
    await traceLambda<Handler>(async () => ({ statusCode: 200 }))(eventOf('websocket'), lambdaContext);
    expect(telemetry.find('sendmessage').attributes).toMatchObject({ 'http.response.status_code': 200 });
  });

  it('an authorizer answers in its own shape, whatever the chain is', async () => {
    const policy = { principalId: 'user', policyDocument: {} };
    const event = { ...eventOf('authorizer'), headers: { traceparent, baggage: tooDeep } };
    const handler = traceLambda<Handler>(async () => policy, {
      ...enforce,
      inbound: 'restart-with-link',
      answer: true,
    });
    expect(await handler(event, lambdaContext)).toBe(policy);
    expect(telemetry.find('analyst').kind).toBe(SpanKind.SERVER);
  });

  it('past a limit a load balancer gets what it takes', async () => {
    const event = eventOf('alb');
    event['multiValueHeaders'] = { traceparent: [traceparent], baggage: [tooDeep] };
    const run = vi.fn<() => void>();
    const answer = await traceLambda<Handler>(async () => run(), enforce)(event, lambdaContext);
    expect(run).not.toHaveBeenCalled();
    expect(answer).toMatchObject({
      statusCode: 508,
      statusDescription: '508 Loop Detected',
      multiValueHeaders: { 'content-type': ['application/problem+json'] },
      isBase64Encoded: false,
    });
  });
});

describe('records of SQS', () => {
  const own = async (event: unknown): Promise<void> => {
    for (const record of (event as SQSEvent).Records) {
      await runWith(record, async () => {
        await Promise.resolve();
        seen.push([
          record.messageId,
          trace.getActiveSpan()?.spanContext().traceId,
          propagation.getActiveBaggage()?.getEntry('tenant')?.value,
        ]);
      });
    }
  };
  let seen: unknown[] = [];
  beforeEach(() => (seen = []));

  it('one is a message: a child of the span that sent it', async () => {
    await traceLambda<Handler>(own)(records({ traceparent, baggage: 'tenant=a' }), lambdaContext);
    const span = telemetry.find('process my-queue');
    expect(span.kind).toBe(SpanKind.CONSUMER);
    expect(span.parentSpanContext?.spanId).toBe(SPAN);
    expect(span.attributes).toMatchObject({
      'faas.trigger': 'pubsub',
      'messaging.system': 'aws_sqs',
      'messaging.message.id': 'm0',
      'faas.invocation_id': lambdaContext['awsRequestId'],
    });
    expect(seen).toEqual([['m0', TRACE, 'a']]);
  });

  it('several are a batch: a root that links each, and `runWith` runs in the trace of one', async () => {
    await traceLambda<Handler>(own)(
      records({ traceparent: other(1), baggage: 'tenant=a' }, { traceparent: other(2), baggage: 'tenant=b' }, {}),
      lambdaContext,
    );
    const span = telemetry.find('process my-queue');
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.links.map((link) => link.context.traceId)).toEqual([1, 2].map((nth) => other(nth).split('-')[1]));
    expect(span.attributes).toMatchObject({ 'messaging.batch.message_count': 3, 'faas.trigger': 'pubsub' });
    expect(seen).toEqual([
      ['m0', other(1).split('-')[1], 'a'],
      ['m1', other(2).split('-')[1], 'b'],
      ['m2', span.spanContext().traceId, undefined],
    ]);
  });

  it.each([1, 3])('of %i the batch item failures pass through, and are counted', async (count) => {
    const answer: SQSBatchResponse = { batchItemFailures: [{ itemIdentifier: 'm0' }] };
    const handler: SQSHandler = traceLambda<SQSHandler>(async () => answer);
    const event = records(...Array.from({ length: count }, (_, nth) => ({ traceparent: other(nth + 1) })));
    expect(await handler(event, lambdaContext as unknown as Context, () => {})).toBe(answer);
    const span = telemetry.find('process my-queue');
    expect(span.attributes).toMatchObject({ 'throughline.batch.failed': 1, 'error.type': 'batch_item_failures' });
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
  });

  it('one past a limit fails the invocation, so that it comes again', async () => {
    const run = vi.fn<() => void>();
    const handler = traceLambda<Handler>(async () => run(), enforce);
    await expect(async () => handler(records({ traceparent, baggage: tooDeep }), lambdaContext)).rejects.toMatchObject({
      code: 'ERR_THROUGHLINE_REFUSED',
    });
    expect(run).not.toHaveBeenCalled();
  });

  it.each([
    [1, [0], []],
    [3, [1], ['m0', 'm2']],
    [2, [0, 1], []],
  ])(
    'of %i those past a limit (%j) are batch item failures, and the others are handled',
    async (count, deep, handled) => {
      const handler = traceLambda<Handler>(own, { ...enforce, batchItemFailures: true });
      const event = records(
        ...Array.from({ length: count }, (_, nth) => ({
          traceparent: other(nth + 1),
          baggage: deep.includes(nth) ? tooDeep : 'tenant=a',
        })),
      );
      const answer = await handler(event, lambdaContext);
      expect(answer).toEqual({ batchItemFailures: deep.map((nth) => ({ itemIdentifier: `m${nth}` })) });
      expect(seen.map((one) => (one as unknown[])[0])).toEqual(handled);
      for (const [id, traceId] of seen as string[][])
        expect(traceId).toBe(other(Number(id?.slice(1)) + 1).split('-')[1]);
      expect(await telemetry.hops()).toMatchObject({ 'sqs inbound refused': deep.length });
    },
  );

  it('what `onRefused` takes is done with, in its own trace; what it fails for is reported, or fails the invocation', async () => {
    const event = records({ traceparent: other(1), baggage: tooDeep }, { traceparent: other(2) });
    const taken: unknown[] = [];
    const onRefused = (_refused: unknown, record: { messageId?: string | undefined }): void =>
      void taken.push([record.messageId, trace.getActiveSpan()?.spanContext().traceId]);
    expect(await traceLambda<Handler>(own, { ...enforce, onRefused })(event, lambdaContext)).toBeUndefined();
    expect(taken).toEqual([['m0', other(1).split('-')[1]]]);
    expect(seen.map((one) => (one as unknown[])[0])).toEqual(['m1']);

    const error = new Error('no dead-letter queue');
    const failing = { ...enforce, onRefused: () => Promise.reject(error) };
    await expect(traceLambda<Handler>(own, failing)(event, lambdaContext)).rejects.toBe(error);
    const reporting = traceLambda<Handler>(own, { ...failing, batchItemFailures: true });
    expect(await reporting(event, lambdaContext)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
  });

  it('a message that SNS put into the queue as a document is in its trace', async () => {
    const event = records({});
    const body = JSON.stringify(
      {
        Type: 'Notification',
        MessageId: 'x',
        Message: 'm',
        MessageAttributes: { traceparent: { Type: 'String', Value: traceparent } },
      },
      null,
      2,
    );
    await traceLambda<Handler>(own)({ Records: [{ ...event.Records[0], body }] }, lambdaContext);
    expect(telemetry.find('process my-queue').parentSpanContext?.spanId).toBe(SPAN);
  });
});

describe('other events', () => {
  it('a record of SNS is a child of what published it', async () => {
    const event = eventOf('sns') as { Records: [{ Sns: Record<string, unknown> }] };
    event.Records[0].Sns['MessageAttributes'] = { traceparent: { Type: 'String', Value: traceparent } };
    await traceLambda<Handler>(async () => {})(event, lambdaContext);
    const span = telemetry.find('process sns-lambda');
    expect(span.parentSpanContext?.spanId).toBe(SPAN);
    expect(span.attributes).toMatchObject({
      'messaging.system': 'aws.sns',
      'messaging.message.id': '95df01b4-ee98-5cb9-9903-4c221d41eb5e',
    });
  });

  it.each([
    ['s3', 'datasource'],
    ['other', 'other'],
  ])('one of %s is an invocation', async (name, trigger) => {
    const event = name === 'other' ? { task: 'x' } : eventOf(name);
    await traceLambda<Handler>(async () => {})(event, lambdaContext);
    expect(telemetry.find('analyst')).toMatchObject({ kind: SpanKind.SERVER, attributes: { 'faas.trigger': trigger } });
  });

  it.each([
    ['aws.events', {}],
    ['aws.scheduler', '{}'],
  ])('a schedule of %s is a timer', async (source, detail) => {
    const event = { ...eventOf('eventbridge'), source, 'detail-type': 'Scheduled Event', detail };
    await traceLambda<Handler>(async () => {})(event, lambdaContext);
    expect(telemetry.find('analyst').attributes['faas.trigger']).toBe('timer');
  });

  it('what nobody expects is handled all the same', async () => {
    const handler = traceLambda<Handler>(async (event) => event);
    for (const event of [
      undefined,
      null,
      7,
      'text',
      [],
      { Records: [] },
      { Records: [null] },
      { requestContext: null },
      { Records: [{ eventSource: 'aws:sqs' }] },
      { Records: [{ eventSource: 'aws:sqs' }, 7] },
      { requestContext: { elb: {} } },
    ]) {
      expect(await handler(event, undefined)).toBe(event);
    }
  });

  it('X-Ray counts where there is no other context, and where it is sampled', async () => {
    const parentOf = async (event: unknown, header: string): Promise<string | undefined> => {
      await telemetry.reset();
      vi.stubEnv('_X_AMZN_TRACE_ID', header);
      await traceLambda<Handler>(async () => {})(event, lambdaContext);
      return telemetry.spans()[0]?.parentSpanContext?.spanId;
    };
    const xray = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:0';
    expect(await parentOf({}, xray)).toBe('53995c3f42cd8ad8');
    expect(await parentOf({}, xray.replace('Sampled=1', 'Sampled=0'))).toBeUndefined();
    expect(await parentOf(eventOf('eventbridge'), xray)).toBe('53995c3f42cd8ad8');
    expect(await parentOf({ ...eventOf('http-api'), headers: { traceparent } }, xray)).toBe(SPAN);
    expect(
      await parentOf({ ...eventOf('http-api'), headers: { 'X-Amzn-Trace-Id': xray.replace('5399', '5398') } }, ''),
    ).toBe('53985c3f42cd8ad8');
  });
});

describe('the forms of a handler', () => {
  const event = { ...eventOf('http-api'), headers: { traceparent } } as unknown as APIGatewayProxyEventV2;

  it('one with a callback answers by it, after its span has ended and gone out', async () => {
    const order: string[] = [];
    const handler = traceLambda(
      (_event: unknown, _context: unknown, callback: Callback) => {
        setTimeout(() => callback(null, { statusCode: 201 }), 1);
        return undefined;
      },
      { flush: async () => void order.push(`flushed ${telemetry.spans().length}`) },
    );
    expect(handler).toHaveLength(3);
    const answer = await new Promise((resolve) => {
      expect(
        handler(event, lambdaContext, (_error, value) => (order.push('answered'), resolve(value))),
      ).toBeUndefined();
    });
    expect(answer).toEqual({ statusCode: 201 });
    expect(order).toEqual(['flushed 1', 'answered']);
    expect(telemetry.find('GET /users/{id}').attributes['http.response.status_code']).toBe(201);
  });

  it('one with a callback fails by it with the very same error, and is refused by its promise', async () => {
    const error = new Error('mine');
    const failing = traceLambda((_event: unknown, _context: unknown, callback: Callback) => callback(error));
    expect(await new Promise((resolve) => failing(event, lambdaContext, resolve))).toBe(error);
    const deep = { ...event, headers: { traceparent, baggage: tooDeep } };
    const withCallback = traceLambda((_e: unknown, _c: unknown, _callback: Callback): unknown => undefined, enforce);
    expect(await withCallback(deep, lambdaContext, () => {})).toMatchObject({ statusCode: 508 });
  });

  it('an async one that takes a callback answers by whichever comes first', async () => {
    const handler = traceLambda(async (_event: unknown, _context: unknown, _callback: Callback) => ({
      statusCode: 202,
    }));
    expect(await handler(event, lambdaContext, () => {})).toEqual({ statusCode: 202 });
  });

  it('a streamed answer keeps its span open to its end, and the mark of `streamifyResponse` stays', async () => {
    const mark = Symbol.for('aws.lambda.runtime.handler.streaming');
    const own = async (_event: unknown, stream: PassThrough, _context: unknown): Promise<void> => {
      stream.write('one');
      setTimeout(() => stream.end('two'), 20);
    };
    Object.defineProperty(own, mark, { value: 'response' });
    let flushed = -1;
    const handler = traceLambda(own, { flush: async () => void (flushed = telemetry.spans().length) });
    expect((handler as unknown as Record<symbol, unknown>)[mark]).toBe('response');
    const stream = new PassThrough();
    const done = handler(event, stream, lambdaContext);
    await new Promise((resolve) => setImmediate(resolve));
    expect(telemetry.spans()).toEqual([]);
    let body = '';
    for await (const chunk of stream) body += String(chunk);
    await done;
    expect(body).toBe('onetwo');
    expect(telemetry.find('GET /users/{id}').parentSpanContext?.spanId).toBe(SPAN);
    expect(flushed).toBe(1);
  });

  it('a streamed answer that is refused is one', async () => {
    const metadata: object[] = [];
    vi.stubGlobal('awslambda', {
      HttpResponseStream: { from: (stream: PassThrough, given: object) => (metadata.push(given), stream) },
    });
    const stream = new PassThrough();
    const deep = { ...event, headers: { traceparent, baggage: tooDeep } };
    const run = vi.fn<() => void>();
    const done = traceLambda(async (_event: unknown, _stream: PassThrough, _context: unknown) => run(), enforce)(
      deep,
      stream,
      lambdaContext,
    );
    let body = '';
    for await (const chunk of stream) body += String(chunk);
    await done;
    vi.unstubAllGlobals();
    expect(metadata).toEqual([{ statusCode: 508, headers: { 'content-type': 'application/problem+json' } }]);
    expect(JSON.parse(body)).toMatchObject({ status: 508 });
    expect(run).not.toHaveBeenCalled();
  });

  it('a stream that fails fails its span, and the error is the same', async () => {
    const error = new Error('broken pipe');
    const handler = traceLambda(
      async (_event: unknown, stream: PassThrough, _context: unknown) => void stream.destroy(error),
    );
    await expect(handler(event, new PassThrough(), lambdaContext)).rejects.toBe(error);
    expect(telemetry.find('GET /users/{id}').status.code).toBe(SpanStatusCode.ERROR);
  });
});

describe('before a function freezes', () => {
  it('the global provider is flushed, where nobody says another way', async () => {
    const provider = trace.getTracerProvider() as unknown as { getDelegate(): { forceFlush(): Promise<void> } };
    const flush = vi.spyOn(provider.getDelegate(), 'forceFlush');
    await traceLambda<Handler>(async () => {})({}, lambdaContext);
    expect(flush).toHaveBeenCalledTimes(1);
    await traceLambda<Handler>(async () => {}, { flush: false })({}, lambdaContext);
    expect(flush).toHaveBeenCalledTimes(1);
    flush.mockRestore();
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('no network'))],
    [
      'throws',
      () => {
        throw new Error('no network');
      },
    ],
    ['never ends', () => new Promise(() => {})],
  ])('a flush that %s costs the answer nothing but its time', async (_what, flush) => {
    const handler = traceLambda<Handler>(async () => 'answer', { flush, flushTimeout: 50 });
    expect(await handler({}, lambdaContext)).toBe('answer');
    const error = new Error('mine');
    const failing = traceLambda<Handler>(() => Promise.reject(error), { flush, flushTimeout: 50 });
    await expect(failing({}, lambdaContext)).rejects.toBe(error);
  });

  it.each([
    ['is refused', async () => {}, enforce],
    [
      'throws at once',
      () => {
        throw new TypeError('mine');
      },
      {},
    ],
    ['returns at once', () => 'answer', {}],
  ])('one that %s answers after its span has gone out', async (_what, own: Handler, options: LambdaOptions) => {
    let exported = (): void => {};
    const flush = vi.fn<() => Promise<void>>(() => new Promise((resolve) => (exported = resolve)));
    const handler = traceLambda<Handler>(own, { ...options, flush });
    const custom = { traceparent, baggage: tooDeep };
    const answered = vi.fn<() => void>();
    const answer = (async () => handler({}, { ...lambdaContext, clientContext: { custom } }))().then(
      answered,
      answered,
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(flush).toHaveBeenCalledTimes(1);
    expect(telemetry.spans()).toHaveLength(1);
    expect(answered).not.toHaveBeenCalled();
    exported();
    await answer;
  });

  it('a flush takes no more than the function has left', async () => {
    const started = performance.now();
    const handler = traceLambda<Handler>(async () => 'answer', {
      flush: () => new Promise(() => {}),
      flushTimeout: 60_000,
    });
    expect(await handler({}, { ...lambdaContext, getRemainingTimeInMillis: () => 200 })).toBe('answer');
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  it('a function that is out of time has its span ended and flushed before it is killed', async () => {
    let flushed = -1;
    const ends = Date.now() + 700;
    const handler = traceLambda<Handler>(() => new Promise(() => {}), {
      flush: async () => void (flushed = telemetry.spans().length),
    });
    void handler({}, { ...lambdaContext, getRemainingTimeInMillis: () => ends - Date.now() });
    await expect.poll(() => flushed).toBe(1);
    expect(telemetry.find('analyst').attributes['error.type']).toBe('handler_timeout');
  });
});

it('wrong options throw with the fix', () => {
  const own: Handler = () => {};
  expect(() => traceLambda(own, { flush: 7 as never })).toThrow(/`flush` takes a function/);
  expect(() => traceLambda(own, { flushTimeout: -1 })).toThrow(/`flushTimeout` takes milliseconds/);
  expect(() => traceLambda(own, { batchItemFailures: 'yes' as never })).toThrow(
    /`batchItemFailures` takes true or false/,
  );
  expect(() => traceLambda(own, { maxParentAg: 1 } as never)).toThrow(/maxParentAge/);
  expect(() => traceLambda(undefined as never)).toThrow(/takes the handler/);
});
