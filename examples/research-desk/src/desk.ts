/** What travels between the agents of the desk. Whoever receives it parses it: a topic and a port are open to others. */
import * as z from 'zod';

/** Where in the repository a passage stands: prose, a docstring, or the name of a test. */
export const PassageKind = z.enum(['prose', 'docstring', 'test']);
export type PassageKind = z.infer<typeof PassageKind>;

/** One sub-question, on the topic of tasks. */
export const Task = z.object({
  id: z.string(),
  question: z.string(),
  /** What it wants to know of the question's subject. */
  aspect: z.enum(['meaning', 'code', 'tests']),
  wording: z.string(),
  terms: z.array(z.string()),
  kind: PassageKind,
});
export type Task = z.infer<typeof Task>;

/** A sentence or two of the repository, and where they are: `line` counts from 1. */
export const Citation = z.object({ file: z.string(), line: z.number(), heading: z.string(), text: z.string() });
export type Citation = z.infer<typeof Citation>;

/** What an analyst found, or why it could not look, on the topic of results. */
export const Result = z.object({
  task: z.string(),
  question: z.string(),
  aspect: Task.shape.aspect,
  analyst: z.string(),
  citations: z.array(Citation),
  error: z.string().optional(),
});
export type Result = z.infer<typeof Result>;

/** What the planner answers and the gateway passes on: an answer with its sources, `file:line`, or why there is none. */
export const Reply = z.union([
  z.object({ question: z.string(), text: z.string(), sources: z.array(z.string()) }),
  z.object({ error: z.string() }),
]);
export type Reply = z.infer<typeof Reply>;
export type Answer = Exclude<Reply, { error: string }>;

/** A question over HTTP. */
export const Question = z.object({ question: z.string().trim().min(1) });

/** A passage that the library found, to be read by lines, `last` included. */
export const Hit = z.object({
  file: z.string(),
  line: z.number(),
  last: z.number(),
  kind: PassageKind,
  heading: z.string(),
});
export type Hit = z.infer<typeof Hit>;

/** A setting that the desk hands to its agents; throws where it is missing. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: start the desk with \`pnpm demo\``);
  return value;
}

/** What a message says, `undefined` where it is not what the desk sends, which `say` is told: an error would stop a consumer for good. */
export function parseMessage<T>(schema: z.ZodType<T>, text: string, say: (line: string) => void): T | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    say(`passes over a message that it cannot read: ${String(error)}`);
    return undefined;
  }
}
