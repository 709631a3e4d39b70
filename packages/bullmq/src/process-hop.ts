import { SpanKind } from '@opentelemetry/api';
import { metaFields } from '@throughline/core/adapter';
import type { InboundHop } from '@throughline/core/adapter';
import {
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
} from './conventions.ts';
import { bullmq } from './system.ts';

/** Returns what every hop that handles a job of a queue says. */
export function processHop(queue: string, fields: object | undefined): InboundHop {
  return {
    transport: bullmq.transport,
    name: `process ${queue}`,
    kind: SpanKind.CONSUMER,
    attributes: {
      [ATTR_MESSAGING_SYSTEM]: bullmq.name,
      [ATTR_MESSAGING_OPERATION_NAME]: 'process',
      [ATTR_MESSAGING_OPERATION_TYPE]: 'process',
      [ATTR_MESSAGING_DESTINATION_NAME]: queue,
    },
    carrier: fields,
    reader: metaFields,
    channel: 'broker',
    peer: { name: queue },
    linkParent: true,
  };
}
