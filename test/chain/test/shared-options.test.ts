import type { HopOptions } from '@throughline/core';
import { contextFromEnv, extractFields, injectFields, joinTraces, saveTrace, traceEnv } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { injectHeaders, traceFetch } from '@throughline/fetch';
import { traceInterceptor } from '@throughline/fetch/undici';
import * as kafka from '@throughline/kafkajs';
import * as mcp from '@throughline/mcp';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { Kafka } from 'kafkajs';
import { describe, expect, it } from 'vitest';

const cluster = new Kafka({ brokers: ['127.0.0.1:1'] });

/** Whatever takes options, and the names that it takes beside those of every hop. */
const takers: readonly [string, readonly string[], (options: never) => unknown][] = [
  ['traceContext', ['ignore', 'route', 'serverTiming'], (options) => traceContext(options)],
  ['traceFetch', ['suppressInner'], (options) => traceFetch(undefined, options)],
  ['traceInterceptor', ['origin'], (options) => traceInterceptor(options)],
  ['injectHeaders of fetch', [], (options) => injectHeaders({}, 'http://localhost', options)],
  [
    'traceProducer',
    ['spanPerMessage', 'suppressInner', 'clientId'],
    (options) => kafka.traceProducer(cluster.producer(), options),
  ],
  [
    'traceConsumer',
    ['maxParentAge', 'onRefused', 'handlerTimeout', 'groupId', 'clientId'],
    (options) => kafka.traceConsumer(cluster.consumer({ groupId: 'g' }), options),
  ],
  ['injectHeaders of kafkajs', ['topic'], (options) => kafka.injectHeaders({}, options)],
  [
    'traceClient',
    ['spanFor', 'peer', 'suppressInner', 'record'],
    (options) => mcp.traceClient(new Client({ name: 'c', version: '1' }), options),
  ],
  [
    'traceServer',
    ['spanFor', 'peer', 'suppressInner', 'record'],
    (options) => mcp.traceServer(new McpServer({ name: 's', version: '1' }), options),
  ],
  ['traceToolHandler', ['name'], (options) => mcp.traceToolHandler(() => 1, options)],
  ['traceEnv', [], (options) => traceEnv({}, options)],
  ['contextFromEnv', [], (options) => contextFromEnv({}, options)],
  ['injectFields', [], (options) => injectFields({}, options)],
  ['extractFields', [], (options) => extractFields({}, options)],
  ['joinTraces', [], (options) => joinTraces('join', [], () => 1, options)],
  ['saveTrace', ['relation'], (options) => saveTrace(options)],
];

// One object for a whole program, with what each adapter takes of its own.
const shared = {
  agent: 'planner',
  inbound: 'continue',
  firstParty: ['*.example.com'],
  ignore: () => false,
  route: () => undefined,
  serverTiming: false,
  suppressInner: true,
  origin: 'http://localhost',
  spanPerMessage: false,
  clientId: 'client',
  maxParentAge: 1000,
  onRefused: () => undefined,
  handlerTimeout: 1000,
  groupId: 'group',
  topic: 'orders',
  headers: 'buffer',
  spanFor: () => true,
  peer: { host: 'search' },
  record: { arguments: true },
  name: 'add',
  relation: 'child',
} as const satisfies HopOptions & Record<string, unknown>;

describe('one options object for all adapters', () => {
  it.each(takers)('%s takes what the others take too', (_name, _own, take) => {
    expect(() => take(shared as never)).not.toThrow();
  });

  it.each(takers)('%s tells a misspelt option, of every hop or its own', (_name, own, take) => {
    for (const name of ['agent', 'inbound', 'baggage', ...own]) {
      // The last two letters swapped: `agetn`.
      const misspelt = name.slice(0, -2) + name.slice(-1) + name.slice(-2, -1);
      const given = { name: 'add', [misspelt]: 'x' } as never;
      expect(() => take(given), misspelt).toThrow(`\`${misspelt}\` is no option. Did you mean \`${name}\`?`);
    }
  });
});
