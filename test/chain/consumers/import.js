// Prints what each package exports, and what importing all of them changed: nothing, if all is well.
import '@opentelemetry/api';
// The framework's own: it listens for signals, and more, as soon as it is imported.
import '@openai/agents-core';
import { entryPoints } from './entry-points.cjs';
import { surroundings } from './surroundings.cjs';

const before = surroundings();
const exported = {};
for (const entryPoint of entryPoints) exported[entryPoint] = Object.keys(await import(entryPoint)).toSorted();
console.log(JSON.stringify({ exported, before, after: surroundings() }));
