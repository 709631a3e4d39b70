import { context as contextApi, createContextKey, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, AttributeValue, Context, Span } from '@opentelemetry/api';
import { describeSpan, endSpan, guarded, layered, startSpan, suppressTracing } from '@throughline/core/adapter';
import { ATTR_QUEUE_NAME, ATTR_QUEUE_OPERATION, ATTR_WORKER_ID } from './conventions.ts';
import { scope } from './options.ts';
import type { BullMQSettings } from './options.ts';
import { Processing, processingOf } from './processing.ts';
import { isRescheduling } from './scheduling.ts';
import { SendingJobs } from './sending.ts';
import type { SendKind } from './sending.ts';

const operationKey = createContextKey('throughline.bullmq.operation');

/** Returns the operation that a context is of, while BullMQ has not yet entered it. */
export function pendingOperation(context: Context): Operation | undefined {
  const operation = context.getValue(operationKey) as Operation | undefined;
  return operation?.entered === false ? operation : undefined;
}

/** What one kind of operation does. */
interface Doing {
  tell(attributes: Attributes): void;
  event(name: string, attributes: Attributes | undefined): void;
  trouble(error: unknown): void;
  end(): void;
}

const sends: Readonly<Record<string, SendKind>> = {
  add: 'send',
  addBulk: 'send',
  addNode: 'create',
  addFlow: 'flow',
  addBulkFlows: 'flow',
};
// What BullMQ does by itself, to a job or in the background, and no code of the user's runs in.
const own = new Set(['complete', 'fail', 'retry', 'delay', 'extendLocks', 'moveStalledJobsToWait']);
const putsBack = new Set(['retry', 'delay']);

/**
 * One operation of BullMQ's: what its Telemetry calls a span. BullMQ names the operation right after it has started the span, and then
 * asks for a context, for metadata, and to run the operation in it; see `trace` in its `utils`.
 */
export class Operation {
  entered = false;
  readonly #settings: BullMQSettings;
  readonly #metadata: unknown;
  readonly #active: Context = contextApi.active();
  #name = '';
  #doing: Doing | undefined = undefined;
  #named = false;
  #workerId: string | undefined = undefined;

  /** `metadata` is that of the job which the operation is about. */
  constructor(settings: BullMQSettings, metadata: unknown) {
    this.#settings = settings;
    this.#metadata = metadata;
  }

  setAttribute(name: string, value: AttributeValue): void {
    this.setAttributes({ [name]: value });
  }

  setAttributes(attributes: Attributes): void {
    const { [ATTR_WORKER_ID]: workerId } = attributes;
    if (typeof workerId === 'string') this.#workerId = workerId;
    if (this.#named) return this.#doing?.tell(attributes);
    this.#named = true;
    const { [ATTR_QUEUE_OPERATION]: name, [ATTR_QUEUE_NAME]: queue } = attributes;
    if (typeof name === 'string') this.#begin(name, typeof queue === 'string' ? queue : '');
  }

  #begin(name: string, queue: string): void {
    const settings = this.#settings;
    this.#name = name;
    if (name === 'process') {
      settings.worked.add(queue);
      this.#doing = new Processing(settings, queue, this.#metadata, new Map([[operationKey, this]]));
      return;
    }
    if (name === 'startStalledCheckTimer') settings.worked.add(queue);
    const kind = Object.hasOwn(sends, name) ? sends[name] : undefined;
    if (kind === undefined) {
      if (settings.internalSpans) this.#doing = new Internal(settings, `${name} ${queue}`.trim(), this.#active);
    } else if (name === 'add' && settings.worked.has(queue) && isRescheduling()) {
      this.#name = 'reschedule';
    } else {
      this.#doing = new SendingJobs(kind, settings, queue, this.#caller());
    }
  }

  // The jobs of a flow are created in the flow's own context, under which tracing is suppressed.
  #caller(): Context {
    const around = this.#active.getValue(operationKey) as Operation | undefined;
    const doing = around === undefined ? undefined : around.#doing;
    return this.#name === 'addNode' && doing instanceof SendingJobs && doing.kind === 'flow'
      ? doing.context
      : this.#active;
  }

  setSpanOnContext(given: Context): Context {
    const doing = this.#doing;
    if (doing instanceof Processing) return doing.context;
    return this.#mark(doing instanceof SendingJobs ? doing.context : given);
  }

  #mark = (context: Context): Context => layered(context).setValue(operationKey, this);

  /** Returns the metadata of the job that the operation adds or puts back; empty where BullMQ is to leave it as it is. */
  metadata(): string {
    const doing = this.#doing;
    if (doing instanceof SendingJobs) return doing.metadata();
    return putsBack.has(this.#name) ? (processingOf(this.#active)?.retryMetadata() ?? '') : '';
  }

  /** Runs the operation. */
  enter<T>(context: Context, fn: () => T): T {
    this.entered = true;
    const doing = this.#doing;
    if (doing instanceof Processing) return doing.enter(fn);
    if (doing instanceof SendingJobs) return doing.run(fn, this.#mark);
    if (this.#name === 'reschedule') return contextApi.with(suppressTracing(ROOT_CONTEXT), fn);
    const within = doing instanceof Internal ? doing.context : context;
    const done = contextApi.with(
      this.#settings.suppressInner && own.has(this.#name) ? suppressTracing(within) : within,
      fn,
    );
    if (this.#name === 'close') this.#closing(done);
    return done;
  }

  // A worker that is closed by force waits for no job.
  #closing(closed: unknown): void {
    const workerId = this.#workerId;
    const open = workerId === undefined ? undefined : this.#settings.workers.get(workerId);
    if (workerId === undefined || open === undefined) return;
    const over = (): void => {
      this.#settings.workers.delete(workerId);
      open.abandon();
    };
    Promise.resolve(closed).then(over, over);
  }

  addEvent(name: string, attributes?: Attributes): void {
    this.#doing?.event(name, attributes);
  }

  recordException(error: unknown): void {
    this.#doing?.trouble(error);
  }

  end(): void {
    this.#doing?.end();
  }
}

/** An operation that is neither sending nor handling, where its span is asked for. */
class Internal implements Doing {
  readonly context: Context;
  #span: Span | undefined = undefined;
  #failure: { readonly error: unknown } | undefined = undefined;

  constructor({ hop }: BullMQSettings, name: string, active: Context) {
    if (hop.spans) {
      guarded('span', () => {
        const { tracerProvider = trace } = hop.options;
        const tracer = tracerProvider.getTracer(scope.name, scope.version);
        this.#span = startSpan(tracer, name, { kind: SpanKind.INTERNAL }, active)?.span;
      });
    }
    this.context = this.#span === undefined ? active : trace.setSpan(layered(active), this.#span);
  }

  tell(attributes: Attributes): void {
    if (this.#span === undefined) return;
    describeSpan(this.#span, (span) => {
      const { [ATTR_WORKER_ID]: workerId } = attributes;
      if (typeof workerId === 'string') span.setAttribute(ATTR_WORKER_ID, workerId);
    });
  }

  event(): void {}

  trouble(error: unknown): void {
    this.#failure = { error };
  }

  end(): void {
    const failure = this.#failure;
    if (this.#span !== undefined)
      endSpan(
        this.#span,
        failure === undefined ? undefined : { failed: true, error: failure.error },
        true,
        'exception',
      );
  }
}
