// What the scenarios of `@modelcontextprotocol/conformance` expect of a server, the same on both SDKs.
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export const text = (value: string) => ({ type: 'text' as const, text: value });
export const image = { type: 'image' as const, data: pixel, mimeType: 'image/png' };
export const audio = { type: 'audio' as const, data: 'UklGRiQAAABXQVZF', mimeType: 'audio/wav' };
export const embedded = (uri: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType: 'text/plain', text: 'embedded' },
});
export const user = (content: ReturnType<typeof text> | typeof image | ReturnType<typeof embedded>) => ({
  messages: [{ role: 'user' as const, content }],
});

/** What tools and prompts have to have. */
export const description = 'For the conformance suite.';

/** Defaults of every primitive type (SEP-1034). */
export const defaults = {
  message: 'defaults',
  requestedSchema: {
    type: 'object' as const,
    properties: {
      name: { type: 'string' as const, default: 'John Doe' },
      age: { type: 'integer' as const, default: 30 },
      score: { type: 'number' as const, default: 95.5 },
      status: { type: 'string' as const, enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean' as const, default: true },
    },
  },
};

const options = ['option1', 'option2', 'option3'];
const titled = ['value1', 'value2', 'value3'].map((value) => ({ const: value, title: `Choice ${value}` }));

/** Every kind of enumeration (SEP-1330). */
export const enums = {
  message: 'enums',
  requestedSchema: {
    type: 'object' as const,
    properties: {
      untitledSingle: { type: 'string' as const, enum: options },
      titledSingle: { type: 'string' as const, oneOf: titled },
      legacyEnum: { type: 'string' as const, enum: ['opt1', 'opt2', 'opt3'], enumNames: ['One', 'Two', 'Three'] },
      untitledMulti: { type: 'array' as const, items: { type: 'string' as const, enum: options } },
      titledMulti: { type: 'array' as const, items: { anyOf: titled } },
    },
  },
};

/** What a tool answers that has asked its user. */
export const elicited = ({ action, content = {} }: { action: string; content?: object | undefined }) => ({
  content: [text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`)],
});

/** Keeps what was sent on each stream, for a client that comes back. */
export function eventStore() {
  const events: { readonly id: string; readonly stream: string; readonly message: unknown }[] = [];
  return {
    async storeEvent(stream: string, message: unknown): Promise<string> {
      const id = `${stream}#${events.length}`;
      events.push({ id, stream, message });
      return id;
    },
    async replayEventsAfter(
      last: string,
      { send }: { send: (id: string, message: never) => Promise<void> },
    ): Promise<string> {
      const stream = last.slice(0, last.lastIndexOf('#'));
      for (const event of events.slice(events.findIndex(({ id }) => id === last) + 1))
        if (event.stream === stream && Object.keys(event.message as object).length > 0)
          await send(event.id, event.message as never);
      return stream;
    },
  };
}
