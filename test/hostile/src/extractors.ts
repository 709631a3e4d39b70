import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { context as contextApi, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { contextFromEnv, extractFields, W3CPropagator } from '@throughline/core';
import { httpHeaders, messageHeaders, metaFields, nodeHeaders, startInbound } from '@throughline/core/adapter';
import type { CarrierReader } from '@throughline/core/adapter';
import { traceContext } from '@throughline/express';
import { extractContext as extractMessage, forwardHeaders } from '@throughline/kafkajs';
import { extractContext as extractMeta } from '@throughline/mcp';
import { extractContext as extractPlatformatic } from '@throughline/platformatic-kafka';

export type Extract = (carrier: unknown) => Context;

const propagator = new W3CPropagator();
const middleware = traceContext();
const socket = new Socket();

function hop(transport: string, reader: CarrierReader): Extract {
  return (carrier) => {
    const received = startInbound({ transport, name: 'hostile', kind: SpanKind.SERVER, carrier, reader });
    received.end();
    return received.context;
  };
}

/** Every way in which a context from outside comes in. Each gives the context that work would run in. */
export const extractors: Readonly<Record<string, Extract>> = {
  'core: W3CPropagator': (carrier) =>
    propagator.extract(ROOT_CONTEXT, carrier, {
      keys: () => [],
      get: (from, key) => (from as Record<string, string> | null | undefined)?.[key],
    }),
  'core: a hop over HTTP': hop('http', httpHeaders),
  'core: a hop over Node’s headers': hop('http', nodeHeaders),
  'core: a hop over messages': hop('kafka', messageHeaders),
  'core: a hop over _meta': hop('mcp', metaFields),
  'core: contextFromEnv': (carrier) => contextFromEnv(carrier as never),
  'core: extractFields': (carrier) => extractFields(carrier),
  'express: traceContext': (carrier) => {
    const req = new IncomingMessage(socket);
    Object.defineProperty(req, 'headers', { value: carrier ?? {} });
    req.method = 'GET';
    req.url = '/';
    const res = new ServerResponse(req);
    let context: Context = ROOT_CONTEXT;
    middleware(req, res, () => (context = contextApi.active()));
    res.emit('close');
    return context;
  },
  'kafkajs: extractContext': (carrier) => extractMessage({ value: null, headers: carrier } as never),
  'kafkajs: forwardHeaders': (carrier) =>
    extractMessage({ value: null, headers: forwardHeaders({ value: null, headers: carrier } as never) }),
  'platformatic-kafka: extractContext': (carrier) => extractPlatformatic({ headers: carrier } as never),
  'mcp: extractContext': (carrier) => extractMeta(carrier),
};
