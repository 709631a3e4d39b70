import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PublishBatchCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { diag, SpanKind, trace } from '@opentelemetry/api';
import { deepFreeze } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { traceAws, traceLambda } from '../src/index.ts';
import { eventOf, lambdaContext } from './events.ts';
import { startFakeAws } from './fake-aws.ts';
import type { FakeAws } from './fake-aws.ts';

let telemetry: Telemetry;
let aws: FakeAws;
const common = { region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } };
const inSpan = <T>(fn: () => Promise<T>): Promise<T> =>
  trace.getTracer('test').startActiveSpan('caller', (span) => fn().finally(() => span.end()));

beforeAll(async () => {
  telemetry = startTelemetry();
  aws = await startFakeAws();
});
beforeEach(async () => {
  await telemetry.reset();
  aws.requests.length = 0;
  aws.answer = undefined;
});
afterAll(async () => {
  await aws[Symbol.asyncDispose]();
  await telemetry.shutdown();
});

describe('SNS, as a fake records it', () => {
  const arn = 'arn:aws:sns:us-east-1:123456789012:tasks';
  let sns: SNSClient;
  beforeAll(() => {
    sns = traceAws(new SNSClient({ ...common, endpoint: aws.endpoint }));
  });

  it('a published message carries the context of its span', async () => {
    await inSpan(() => sns.send(new PublishCommand(deepFreeze({ TopicArn: arn, Message: 'x' }))));
    const send = telemetry.find('send tasks');
    expect(send.kind).toBe(SpanKind.PRODUCER);
    expect(send.attributes).toMatchObject({
      'messaging.system': 'aws.sns',
      'messaging.message.id': 'message-0',
      'aws.sns.topic.arn': arn,
    });
    const attributes = JSON.stringify(aws.requests[0]?.input['MessageAttributes']);
    expect(attributes).toContain(`00-${send.spanContext().traceId}-${send.spanContext().spanId}-01`);
  });

  it('a batch says how many were not taken, and why', async () => {
    aws.answer = () => ({
      Successful: [{ Id: 'a', MessageId: 'm' }],
      Failed: [{ Id: 'b', Code: 'InternalError', SenderFault: false }],
    });
    const entries = ['a', 'b'].map((Id) => ({ Id, Message: Id }));
    const answer = await sns.send(new PublishBatchCommand({ TopicArn: arn, PublishBatchRequestEntries: entries }));
    expect(answer.Failed).toHaveLength(1);
    expect(telemetry.find('send tasks').attributes).toMatchObject({
      'messaging.batch.message_count': 2,
      'throughline.batch.failed': 1,
      'error.type': 'InternalError',
    });
  });

  it('a text message is given nothing, and no number is in a name', async () => {
    await sns.send(new PublishCommand({ PhoneNumber: '+491234567', Message: 'x' }));
    expect(aws.requests[0]?.input['MessageAttributes']).toBeUndefined();
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['send sms']);
    expect(JSON.stringify(telemetry.spans()[0]?.attributes)).not.toContain('491234567');
  });
});

describe('EventBridge, as a fake records it', () => {
  const newClient = (): EventBridgeClient => new EventBridgeClient({ ...common, endpoint: aws.endpoint });
  const details = (): unknown[] =>
    ((aws.requests[0]?.input['Entries'] ?? []) as { Detail: string }[]).map(({ Detail }) => Detail);

  it('a detail stays as it is by default, and that is said once', async () => {
    const warnings: string[] = [];
    diag.setLogger({ warn: (line) => void warnings.push(line), error() {}, info() {}, debug() {}, verbose() {} });
    const events = traceAws(newClient());
    for (let call = 0; call < 2; call++) {
      await events.send(
        new PutEventsCommand({ Entries: [{ Source: 's', DetailType: 'order.placed', Detail: '{"n":1.0}' }] }),
      );
    }
    expect(details()).toEqual(['{"n":1.0}']);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['send order.placed', 'send order.placed']);
    expect(warnings.filter((line) => line.includes('eventDetail'))).toHaveLength(1);
    diag.disable();
  });

  it('with `eventDetail` each detail that is a JSON object has the member `_trace`, and is else as it is written', async () => {
    const events = traceAws(newClient(), { eventDetail: true });
    const Detail = [
      '{"n":12345678901234567890.0}',
      '{}',
      '[1]',
      'no JSON',
      '{ "_trace" : {"traceparent":"old"}, "n":1.0 }',
    ];
    const Entries = Detail.map((text) => ({ Source: 's', DetailType: 'order.placed', Detail: text }));
    await events.send(new PutEventsCommand(deepFreeze({ Entries })));
    const { traceId, spanId } = telemetry.find('send order.placed').spanContext();
    const member = `"_trace":{"traceparent":"00-${traceId}-${spanId}-01"}}`;
    expect(details()).toEqual([
      `{"n":12345678901234567890.0,${member}`,
      `{${member}`,
      '[1]',
      'no JSON',
      `{ "_trace" : {"traceparent":"old"}, "n":1.0,${member}`,
    ]);
    // Of a name that comes twice the last counts.
    expect((JSON.parse(details()[4] as string) as { _trace: { traceparent: string } })._trace.traceparent).toContain(
      spanId,
    );
  });

  it('events of several types are a span each, and say which were not taken', async () => {
    aws.answer = () => ({
      FailedEntryCount: 1,
      Entries: [{ EventId: 'e' }, { ErrorCode: 'ThrottlingException', ErrorMessage: 'slow' }],
    });
    const events = traceAws(newClient(), { eventDetail: true });
    const Entries = ['order.placed', 'order.paid'].map((DetailType) => ({ Source: 's', DetailType, Detail: '{}' }));
    await events.send(new PutEventsCommand({ Entries }));
    expect(telemetry.find('send order.placed').attributes).toMatchObject({ 'messaging.message.id': 'e' });
    expect(telemetry.find('send order.paid').attributes).toMatchObject({
      'throughline.batch.failed': 1,
      'error.type': 'ThrottlingException',
    });
  });

  it('what was put is received as one trace', async () => {
    const events = traceAws(newClient(), { eventDetail: true });
    await inSpan(() =>
      events.send(
        new PutEventsCommand({ Entries: [{ Source: 's', DetailType: 'order.placed', Detail: '{"order":7}' }] }),
      ),
    );
    const event = { ...eventOf('eventbridge'), detail: JSON.parse(details()[0] as string) as object };
    await traceLambda(async (_event: unknown, _context: unknown) => {})(event, lambdaContext);
    const process = telemetry.find('process order.placed');
    expect(process.parentSpanContext?.spanId).toBe(telemetry.find('send order.placed').spanContext().spanId);
    expect(process.spanContext().traceId).toBe(telemetry.find('caller').spanContext().traceId);
  });
});
