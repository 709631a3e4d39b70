import {
  ATTR_EXCEEDED_REASON,
  ATTR_LOAD_DURATION,
  ATTR_MODEL,
  ATTR_MODEL_VERSION,
  ATTR_SIGNAL_KIND,
  EVENT_EXCEEDED,
  EVENT_MODEL_LOADED,
  EVENT_SIGNAL,
} from '../../conventions.ts';
import { amountOf } from './known-attributes.ts';
import type { SpanDraft } from './span-draft.ts';

/** A kind is a word. */
const MAX_KIND = 100;
const MAX_KINDS = 100;
const MAX_LOADS = 100;
const MAX_MODEL = 200;

/** Takes an event of a span into its draft, where it is one that is looked at. `read` gives the value of one of its attributes. */
export function takeEvent(draft: SpanDraft, name: unknown, read: (key: string) => unknown): void {
  switch (name) {
    case EVENT_EXCEEDED:
      draft.exceeded ??= wordOf(read(ATTR_EXCEEDED_REASON), MAX_KIND) ?? 'a limit';
      break;
    case EVENT_SIGNAL:
      takeSignal(draft, read(ATTR_SIGNAL_KIND));
      break;
    case EVENT_MODEL_LOADED: {
      const model = wordOf(read(ATTR_MODEL), MAX_MODEL);
      if (model === undefined || draft.loads.length >= MAX_LOADS) break;
      const version = wordOf(read(ATTR_MODEL_VERSION), MAX_MODEL);
      draft.loads.push({ model, version, took: amountOf(read(ATTR_LOAD_DURATION)) ?? 0 });
      break;
    }
    default:
  }
}

/**
 * Takes the signals that a span has as an attribute: a list, which back ends without lists have as JSON, or as text with
 * commas.
 */
export function takeSignals(draft: SpanDraft, given: unknown): void {
  const kinds = typeof given === 'string' ? listIn(given) : given;
  if (Array.isArray(kinds)) for (const kind of kinds as readonly unknown[]) takeSignal(draft, kind);
}

function takeSignal({ signals }: SpanDraft, given: unknown): void {
  const kind = wordOf(given, MAX_KIND);
  if (kind !== undefined && signals.size < MAX_KINDS) signals.add(kind);
}

function listIn(text: string): unknown {
  if (!text.startsWith('[')) return text.split(',', MAX_KINDS).map((kind) => kind.trim());
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function wordOf(given: unknown, most: number): string | undefined {
  return typeof given === 'string' && given !== '' ? given.slice(0, most) : undefined;
}
