/** What the programs share: the SDK of the line that is installed, with the instrumentations that a program names. */
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');

const known = {
  amqplib: ['@opentelemetry/instrumentation-amqplib', 'AmqplibInstrumentation'],
  express: ['@opentelemetry/instrumentation-express', 'ExpressInstrumentation'],
  grpc: ['@opentelemetry/instrumentation-grpc', 'GrpcInstrumentation'],
  http: ['@opentelemetry/instrumentation-http', 'HttpInstrumentation'],
  kafkajs: ['@opentelemetry/instrumentation-kafkajs', 'KafkaJsInstrumentation'],
  undici: ['@opentelemetry/instrumentation-undici', 'UndiciInstrumentation'],
};

exports.startTracing = (...names) => {
  const instrumentations = names.map((name) => {
    const [module, type] = known[name];
    return new (require(module)[type])();
  });
  const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter(), instrumentations });
  sdk.start();
  const end = () => sdk.shutdown().finally(() => process.exit(0));
  process.on('SIGTERM', end);
  return end;
};

exports.listen = (app) => app.listen(Number(process.env.PORT), '127.0.0.1');
