/** A command of the SDK, as far as it is read here. */
export interface CommandLike {
  readonly input: Readonly<Record<string, unknown>>;
}

const known = new Set([
  'SendMessage',
  'SendMessageBatch',
  'ReceiveMessage',
  'DeleteMessage',
  'DeleteMessageBatch',
  'ChangeMessageVisibility',
  'ChangeMessageVisibilityBatch',
  'Publish',
  'PublishBatch',
  'PutEvents',
]);

const operations = new WeakMap<object, string>();

/** Returns which of the operations that are traced a command is; `undefined` for any other, and for what is no command. */
export function operationOf(command: unknown, client: object): string | undefined {
  try {
    if (typeof command !== 'object' || command === null) return undefined;
    const { input, constructor } = command as Partial<CommandLike> & object;
    if (typeof input !== 'object' || input === null) return undefined;
    let operation = operations.get(constructor);
    if (operation === undefined) operations.set(constructor, (operation = withoutSuffix(nameOf(command, client))));
    return known.has(operation) ? operation : undefined;
  } catch {
    // What cannot be looked at is for the client to report.
    return undefined;
  }
}

function withoutSuffix(name: string): string {
  return name.endsWith('Command') ? name.slice(0, -'Command'.length) : name;
}

interface Resolving {
  resolveMiddleware?(stack: object, config: unknown, options: unknown): unknown;
}

// A bundler may have given the class another name, as is usual in Lambda: then what the command tells its middleware counts. The
// stack that it is resolved with here has none.
function nameOf(command: object, client: object): string {
  const { name } = command.constructor;
  if (known.has(withoutSuffix(name))) return name;
  const { resolveMiddleware } = command as Resolving;
  if (typeof resolveMiddleware !== 'function') return name;
  let told: unknown;
  const stack = {
    concat: () => stack,
    resolve: (handler: unknown, context: { commandName?: unknown } | undefined) => {
      told = context?.commandName;
      return handler;
    },
  };
  try {
    resolveMiddleware.call(command, stack, (client as { config?: unknown }).config, {});
  } catch {
    // A command of another kind.
  }
  return typeof told === 'string' ? told : name;
}

/** Returns a copy of a command with another input: its class, its middleware and all else are the same. */
export function withInput<C extends CommandLike>(command: C, input: object): C {
  const copy = Object.create(Object.getPrototypeOf(command) as object, Object.getOwnPropertyDescriptors(command)) as C;
  Object.defineProperty(copy, 'input', { value: input, writable: true, enumerable: true, configurable: true });
  return copy;
}
