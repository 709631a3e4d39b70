import { SpanKind } from '@opentelemetry/api';
import { messageHeaders, runInbound } from '@throughline/core/adapter';
import type { InboundHop } from '@throughline/core/adapter';
import type { Receiver } from '@throughline/core/messaging';
import { withXray } from '../message.ts';
import type { LambdaRecord, LambdaSettings } from './options.ts';
import { runRecords } from './records.ts';
import { runRequest } from './request-hop.ts';
import type { Work } from './work.ts';
import { xrayFallback, xrayOfInvocation } from './xray-fallback.ts';

/** Returns what the handler returns, run as the inbound hop of its kind. */
export function runHop(work: Work, settings: LambdaSettings): unknown {
  const { event, kind } = work;
  const { attributes } = work.invocation;
  switch (kind) {
    case 'api-gateway':
    case 'http-api':
    case 'alb':
    case 'websocket':
    case 'authorizer':
      return runRequest(work, settings);
    case 'sqs': {
      const records = event['Records'] as LambdaRecord[];
      const reports = settings.batchItemFailures;
      return runRecords({ ...work, records, receiver: settings.sqs, attributes, reports }, settings);
    }
    case 'sns': {
      const records = event['Records'] as LambdaRecord[];
      const receiver = ofInvocation(settings.sns, settings);
      return runRecords({ ...work, records, receiver, attributes, reports: false }, settings);
    }
    case 'eventbridge': {
      const receiver = ofInvocation(settings.events, settings);
      const records = [event as LambdaRecord];
      return runRecords({ ...work, records, receiver, attributes, reports: false }, settings);
    }
    default:
      return runInvocation(work, settings);
  }
}

/** Returns a receiver for which the X-Ray context of the invocation counts, where a record has no other. */
function ofInvocation(receiver: Receiver<LambdaRecord>, { xray }: LambdaSettings): Receiver<LambdaRecord> {
  if (!xray) return receiver;
  return {
    ...receiver,
    messageOf(record) {
      const message = receiver.messageOf(record);
      if (message !== undefined) withXray(message.headers as Record<string, unknown>, xrayOfInvocation());
      return message;
    },
  };
}

/** A direct invocation, or one by a service whose events carry no fields. */
function runInvocation({ event, invocation, timeout, gaveUp, call }: Work, settings: LambdaSettings): unknown {
  const hop: InboundHop = {
    transport: 'lambda',
    name: invocation.name,
    kind: SpanKind.SERVER,
    attributes: invocation.attributes,
    carrier: invocation.custom,
    reader: messageHeaders,
    fallback: xrayFallback(undefined, settings),
    channel: 'process',
    peer: { name: invocation.name, request: event },
  };
  return runInbound(hop, settings.hop, { work: () => call(event), timeout, gaveUp });
}
