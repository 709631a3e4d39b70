/** The attributes that are looked at, in the old names of the conventions as in the new. */
export const lookedAt = [
  // https://opentelemetry.io/docs/specs/semconv/http/http-spans/
  'http.request.method',
  'http.method',
  'url.full',
  'http.url',
  'url.path',
  'http.target',
  'http.route',
  'http.host',
  'http.response.status_code',
  'http.status_code',
  // https://opentelemetry.io/docs/specs/semconv/general/attributes/, and what older instrumentations write
  'server.address',
  'net.host.name',
  'net.peer.name',
  'server.port',
  'net.host.port',
  'net.peer.port',
  'error.type',
  'network.transport',
  // https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/, and what older instrumentations and BullMQ write
  'messaging.system',
  'messaging.destination.name',
  'messaging.destination',
  'messaging.rabbitmq.destination.routing_key',
  'messaging.rabbitmq.routing_key',
  'messaging.source.name',
  'messaging.source',
  'messaging.operation.type',
  'messaging.operation.name',
  'messaging.operation',
  'messaging.batch.message_count',
  'messaging.message.id',
  'messaging.message_id',
  'messaging.destination.partition.id',
  'messaging.kafka.source.partition',
  'messaging.kafka.partition',
  'messaging.kafka.offset',
  'messaging.kafka.message.offset',
  'bullmq.queue.name',
  // https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/
  'rpc.system.name',
  'rpc.system',
  'rpc.service',
  'rpc.method',
  // https://opentelemetry.io/docs/specs/semconv/database/database-spans/
  'db.system.name',
  'db.system',
  // https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/
  'mcp.method.name',
  // https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
  'gen_ai.tool.name',
  'gen_ai.prompt.name',
  'gen_ai.tool.call.arguments',
  'gen_ai.operation.name',
  'gen_ai.usage.input_tokens',
  'gen_ai.usage.output_tokens',
  'gen_ai.usage.prompt_tokens',
  'gen_ai.usage.completion_tokens',
  'gen_ai.agent.name',
  'gen_ai.conversation.id',
  // What @throughline/agent says of a call beside its usage, and for back ends that show no events.
  'throughline.cost',
  'throughline.cost.currency',
  'throughline.signals',
  // https://github.com/open-telemetry/semantic-conventions-genai/pull/195: the draft for A2A
  'a2a.method.name',
  'a2a.protocol.binding',
  // https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/
  'code.file.path',
  'code.filepath',
  'code.line.number',
  'code.lineno',
  // What hop spans of Throughline may carry. `throughline.calls`: how many outbound hops were started under an inbound one, sampled or not.
  'gen_ai.usage.cache_read.input_tokens',
  'throughline.model.slowest_phase',
  'throughline.model.queue.time',
  'throughline.model.region',
  'throughline.model.attempts',
  'throughline.turn.outcome',
  'throughline.direction',
  'throughline.calls',
  'throughline.transport',
  'throughline.lineage.cycle',
  'throughline.lineage.hops',
  'throughline.agent.name',
] as const;

// The events that are looked at, and their attributes.

/** A chain of agents went past a limit here, and which. */
export const EVENT_EXCEEDED = 'throughline.lineage.exceeded';
export const ATTR_EXCEEDED_REASON = 'throughline.lineage.reason';
/** Something went wrong that raised no error. The kind is a word, such as `empty_retrieval`. */
export const EVENT_SIGNAL = 'throughline.signal';
export const ATTR_SIGNAL_KIND = 'throughline.signal.kind';
/** A model was loaded into a process. The duration is in seconds. */
export const EVENT_MODEL_LOADED = 'throughline.model.loaded';
export const ATTR_MODEL = 'gen_ai.request.model';
export const ATTR_MODEL_VERSION = 'throughline.model.version';
export const ATTR_LOAD_DURATION = 'throughline.model.load.duration';

// What tells two processes of one service apart.
// https://opentelemetry.io/docs/specs/semconv/resource/service/, …/process/, …/host/, …/container/, …/k8s/
export const RESOURCE_INSTANCE = 'service.instance.id';
export const RESOURCE_PROCESS = 'process.pid';
/** A process id is one of its host, of its container, and of a time. */
export const RESOURCE_PLACES = [
  'process.creation.time',
  'container.id',
  'k8s.pod.uid',
  'host.id',
  'host.name',
] as const;
