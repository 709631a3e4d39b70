import type { Tracer } from '@opentelemetry/api';
import {
  checkBoolean,
  checkMilliseconds,
  checkName,
  checkObject,
  checkOneOf,
  checkWhole,
  hopSettings,
} from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';
import { checkContent } from './content.ts';
import type { ContentOptions } from './content.ts';
import { agentInstruments } from './metrics.ts';
import type { AgentInstruments } from './metrics.ts';
import type { AgentOptions, EventRecord } from './options.ts';
import { checkPrices } from './price.ts';
import type { Prices } from './price.ts';
import { stepTracer } from './run-step.ts';
import { routesOf } from './routes.ts';
import type { Routes } from './routes.ts';
import { SCOPE } from './scope.ts';

/** Options that have been read. */
export interface Settings {
  readonly options: AgentOptions;
  readonly tracer: Tracer;
  readonly instruments: () => AgentInstruments | undefined;
  /** Events go onto spans. */
  readonly onSpans: boolean;
  readonly logger: { emit(record: EventRecord): void } | undefined;
  /** The names of the version before. */
  readonly olderNames: boolean;
  readonly content: ContentOptions | undefined;
  readonly prices: Prices | undefined;
  readonly currency: string;
  readonly stallMs: number;
  readonly abandonMs: number;
  readonly repeatedCalls: number;
  readonly chunkMetric: boolean;
  /** How a chain that is past its budget is treated. */
  readonly hop: HopSettings;
  /** Which model and region served last. */
  readonly routes: Routes;
}

const remembered = new WeakMap<AgentOptions, { readonly around: Settings | undefined; readonly settings: Settings }>();
const DEFAULTS: AgentOptions = {};

// The members that are settings. An options object of one step may have none of them.
const MEMBERS: readonly (keyof AgentOptions)[] = [
  'tracerProvider',
  'meterProvider',
  'loggerProvider',
  'events',
  'conventions',
  'content',
  'prices',
  'currency',
  'stallMs',
  'abandonMs',
  'repeatedCalls',
  'chunkMetric',
  'lineage',
];

/**
 * Returns the settings of these options, and of those around where these say nothing. Options that hold no settings cost nothing, and the
 * same object is read once. Throws a `ThroughlineError` for options that are wrong.
 */
export function settingsOf(options: AgentOptions | undefined, around?: Settings): Settings {
  if (options !== undefined) checkObject('options', options, "an object, such as { conventions: 'v1.41.0' }");
  const given = options !== undefined && MEMBERS.some((name) => options[name] !== undefined) ? options : DEFAULTS;
  if (given === DEFAULTS && around !== undefined) return around;
  const known = remembered.get(given);
  if (known !== undefined && known.around === around) return known.settings;
  const settings = readSettings(around === undefined ? given : overlaid(around.options, given));
  remembered.set(given, { around, settings });
  return settings;
}

function overlaid(around: AgentOptions, own: AgentOptions): AgentOptions {
  const given = MEMBERS.filter((name) => own[name] !== undefined);
  return { ...around, ...Object.fromEntries(given.map((name) => [name, own[name]])) };
}

function readSettings(options: AgentOptions): Settings {
  const { meterProvider, loggerProvider, conventions, content, prices, currency = 'USD' } = options;
  const { stallMs = 2000, abandonMs = 600_000, repeatedCalls = 3, chunkMetric = false } = options;
  const { events = loggerProvider === undefined ? 'span' : 'both' } = options;
  checkOneOf('events', events, ['span', 'log', 'both']);
  checkOneOf('conventions', conventions, ['v0.1.0', 'v1.41.0']);
  checkObject('loggerProvider', loggerProvider, 'a logger provider, such as logs.getLoggerProvider()');
  if (events !== 'span' && loggerProvider === undefined)
    checkObject('loggerProvider', null, 'a logger provider where events are log records');
  checkName('currency', currency);
  checkMilliseconds('stallMs', stallMs, '2000');
  checkMilliseconds('abandonMs', abandonMs, '600000');
  checkWhole('repeatedCalls', repeatedCalls, 2);
  checkBoolean('chunkMetric', chunkMetric);
  checkContent(content);
  checkPrices(prices);
  const olderNames = conventions === 'v1.41.0';
  return {
    options,
    tracer: stepTracer(options, SCOPE.name, SCOPE.version),
    instruments: agentInstruments(meterProvider, olderNames),
    onSpans: events !== 'log',
    logger: events === 'span' ? undefined : loggerProvider?.getLogger(SCOPE.name, SCOPE.version),
    olderNames,
    content,
    prices,
    currency,
    stallMs,
    abandonMs,
    repeatedCalls,
    chunkMetric,
    hop: hopSettings({ lineage: options.lineage, tracerProvider: options.tracerProvider, meterProvider }, SCOPE),
    routes: routesOf(options.tracerProvider),
  };
}
