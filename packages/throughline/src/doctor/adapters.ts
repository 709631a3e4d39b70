/** What our packages wrap, with the versions that each takes. A test holds this to the package.json of each. */
export const ADAPTERS: readonly Adapter[] = [
  { name: '@throughline/a2a', libraries: { '@a2a-js/sdk': '^1.0.1' } },
  { name: '@throughline/amqplib', libraries: { amqplib: '^0.10.0 || ^1.0.0 || ^2.0.0' } },
  { name: '@throughline/bullmq', libraries: { bullmq: '^5.34.0 || ^6.0.0' } },
  { name: '@throughline/express', libraries: { express: '^4.16.0 || ^5.0.0' } },
  { name: '@throughline/fastify', libraries: { fastify: '^5.0.0' } },
  { name: '@throughline/fetch', libraries: { undici: '^6.9.0 || ^7.0.0 || ^8.0.0' } },
  { name: '@throughline/kafkajs', libraries: { kafkajs: '^2.0.0' } },
  { name: '@throughline/langchain', libraries: { langchain: '^1.5.0' } },
  {
    name: '@throughline/mcp',
    libraries: {
      '@modelcontextprotocol/sdk': '^1.20.0',
      '@modelcontextprotocol/client': '^2.0.0',
      '@modelcontextprotocol/server': '^2.0.0',
    },
  },
  { name: '@throughline/nats', libraries: { '@nats-io/nats-core': '^3.0.0', '@nats-io/jetstream': '^3.0.0' } },
  { name: '@throughline/openai-agents', libraries: { '@openai/agents-core': '^0.20.0' } },
  { name: '@throughline/platformatic-kafka', libraries: { '@platformatic/kafka': '^2.2.3' } },
  { name: '@throughline/web', libraries: { hono: '^4.0.0' } },
];

interface Adapter {
  readonly name: string;
  readonly libraries: Readonly<Record<string, string>>;
}
