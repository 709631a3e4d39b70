import type { AttributeValue } from '../../span.ts';

/** The attributes that are looked at, in the old names of the conventions as in the new. */
const keys = [
  'db.system.name',
  'db.system',
  'mcp.method.name',
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
  'a2a.method.name',
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
  'rpc.system.name',
  'rpc.system',
  'rpc.service',
  'rpc.method',
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
  'server.address',
  'net.host.name',
  'net.peer.name',
  'server.port',
  'net.host.port',
  'net.peer.port',
  'error.type',
  'code.file.path',
  'code.filepath',
  'code.line.number',
  'code.lineno',
  'network.transport',
  'a2a.protocol.binding',
  'throughline.transport',
  'throughline.direction',
  'throughline.calls',
  'throughline.transport',
  'throughline.lineage.cycle',
  'throughline.lineage.hops',
] as const;

export type KnownKey = (typeof keys)[number];

const places: ReadonlyMap<string, number> = new Map(keys.map((key, place) => [key, place]));

/** What a span says of itself, as far as it is looked at. One is filled again and again: a dictionary for each span costs more than all else. */
export class KnownAttributes {
  readonly #values: unknown[] = Array.from(keys, () => undefined);
  readonly #set: number[] = [];

  get isEmpty(): boolean {
    return this.#set.length === 0;
  }

  clear(): void {
    for (const place of this.#set) this.#values[place] = undefined;
    this.#set.length = 0;
  }

  /** Returns where a key has its place, or `undefined` where nobody looks at it. */
  static placeOf(key: string): number | undefined {
    return places.get(key);
  }

  set(place: number, value: AttributeValue): void {
    this.#values[place] = value;
    this.#set.push(place);
  }

  get(key: KnownKey): unknown {
    return this.#values[places.get(key) as number];
  }

  has(key: KnownKey): boolean {
    return this.get(key) !== undefined;
  }

  /** Returns the first of these that is text. */
  text(...names: readonly KnownKey[]): string | undefined {
    for (const name of names) {
      const value = this.get(name);
      if (typeof value === 'string' && value !== '') return cut(value);
    }
    return undefined;
  }

  /** Returns all of these that are text. */
  texts(...names: readonly KnownKey[]): string[] {
    const found: string[] = [];
    for (const name of names) {
      const value = this.get(name);
      if (typeof value === 'string' && value !== '') found.push(cut(value));
    }
    return found;
  }

  /** Returns the first of these that is a whole number, or text that says one. */
  number(...names: readonly KnownKey[]): number | undefined {
    for (const name of names) {
      const value = wholeOf(this.get(name));
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

// Nobody names a place by more, and somebody may put a document there.
const MAX_TEXT = 4096;

function cut(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}

function wholeOf(value: unknown): number | undefined {
  const whole = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof whole === 'number' && Number.isSafeInteger(whole) ? whole : undefined;
}
