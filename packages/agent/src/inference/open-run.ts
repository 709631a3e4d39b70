import { SpanKind, context as contextApi } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { guarded } from '@throughline/core/adapter';
import { ATTR_GEN_AI_REQUEST_MODEL } from '../conventions.ts';
import { endingOutcome } from '../ending.ts';
import { tellEvent } from '../events.ts';
import { follow } from '../follow.ts';
import {
  ATTR_DRIFT,
  ATTR_INFERENCE_INFER_TIME,
  ATTR_INFERENCE_POSTPROCESS_TIME,
  ATTR_INFERENCE_PREPROCESS_TIME,
  ATTR_MODEL_LOAD_COLD,
  ATTR_MODEL_LOAD_DURATION,
  ATTR_MODEL_VERSION,
  EVENT_MODEL_LOADED,
} from '../own-names.ts';
import { startStep } from '../run-step.ts';
import type { OpenStep } from '../run-step.ts';
import type { Settings } from '../settings.ts';
import { tellSignal } from '../signal.ts';
import type { TurnState } from '../turn.ts';
import { Confidences } from './confidences.ts';
import type { DriftWatch } from './watch-drift.ts';

/** How a model was loaded. */
export interface ModelLoad {
  /** `true` for the first time in this process, `false` for a reload. */
  readonly cold?: boolean | undefined;
  /** Seconds. */
  readonly duration?: number | undefined;
}

/** A run of a model that is no chat. Nothing of it throws but what its own callbacks do. */
export interface InferenceRun {
  readonly span: Span;
  /** What runs in the run runs in this. */
  readonly context: Context;
  /** Returns what `fn` returns: a phase of the run, whose time goes onto the span. A phase that is run again adds up. */
  preprocess<T>(fn: () => T): T;
  infer<T>(fn: () => T): T;
  postprocess<T>(fn: () => T): T;
  /** Takes in how sure the model is of each prediction. What is called again adds up. */
  predictions(confidences: Iterable<number>): void;
  /** Tells that the model was loaded for this run. A model that is loaded again and again is slow for no reason. */
  loaded(load?: ModelLoad): void;
}

const PHASES = {
  preprocess: ATTR_INFERENCE_PREPROCESS_TIME,
  infer: ATTR_INFERENCE_INFER_TIME,
  postprocess: ATTR_INFERENCE_POSTPROCESS_TIME,
} as const;
type Phase = keyof typeof PHASES;

/** What a run is of. */
export interface RunOf {
  readonly open: OpenStep;
  readonly settings: Settings;
  readonly turn: TurnState | undefined;
  readonly model: string;
  readonly version: string | undefined;
  readonly drift: DriftWatch | undefined;
  readonly phaseSpans: boolean;
}

export class OpenRun implements InferenceRun {
  readonly span: Span;
  readonly context: Context;
  readonly confidences: Confidences = new Confidences();
  isOver = false;
  readonly #of: RunOf;
  readonly #took: Partial<Record<Phase, number>> = {};
  #drift: number | undefined;

  constructor(of: RunOf) {
    this.#of = of;
    this.span = of.open.span;
    this.context = of.open.context;
  }

  preprocess<T>(fn: () => T): T {
    return this.#phase('preprocess', fn);
  }

  infer<T>(fn: () => T): T {
    return this.#phase('infer', fn);
  }

  postprocess<T>(fn: () => T): T {
    return this.#phase('postprocess', fn);
  }

  predictions(confidences: Iterable<number>): void {
    if (this.isOver) return;
    const { drift, settings, turn } = this.#of;
    // What is given may be anything, and so may a watch of the user's own.
    guarded('content', () => {
      const all = [...confidences];
      for (const confidence of all) this.confidences.add(confidence);
      const index = drift?.observe(all);
      if (drift === undefined || typeof index !== 'number') return;
      this.#drift = index;
      if (index >= drift.threshold)
        tellSignal(settings, this.span, this.context, turn, 'score_drift', { value: index });
    });
  }

  loaded(load: ModelLoad = {}): void {
    if (this.isOver) return;
    const { settings, model, version } = this.#of;
    guarded('content', () => {
      const { cold, duration } = load;
      tellEvent(settings, this.span, this.context, EVENT_MODEL_LOADED, {
        [ATTR_GEN_AI_REQUEST_MODEL]: model,
        [ATTR_MODEL_VERSION]: version,
        [ATTR_MODEL_LOAD_DURATION]: typeof duration === 'number' && duration >= 0 ? duration : undefined,
        [ATTR_MODEL_LOAD_COLD]: typeof cold === 'boolean' ? cold : undefined,
      });
    });
  }

  /** What the run says of itself at its end. Times are seconds. */
  attributes(): Attributes {
    const attributes: Attributes = { ...this.confidences.attributes(), [ATTR_DRIFT]: this.#drift };
    for (const phase of Object.keys(PHASES) as Phase[]) {
      const took = this.#took[phase];
      if (took !== undefined) attributes[PHASES[phase]] = took / 1000;
    }
    return attributes;
  }

  #phase<T>(phase: Phase, fn: () => T): T {
    if (this.isOver) return fn();
    const { settings, phaseSpans, model } = this.#of;
    const step = { name: phase, kind: SpanKind.INTERNAL, attributes: { [ATTR_GEN_AI_REQUEST_MODEL]: model } };
    const open = phaseSpans ? startStep(step, settings.tracer) : undefined;
    const started = performance.now();
    return follow(fn, {
      context: open?.context ?? contextApi.active(),
      abandonMs: settings.abandonMs,
      ended: (ending) => {
        this.#took[phase] = (this.#took[phase] ?? 0) + performance.now() - started;
        open?.end(endingOutcome(ending));
      },
    });
  }
}
