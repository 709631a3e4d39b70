// Starts two agents, prints what they say, and does nothing else: the test kills it.
import { crew } from '../../src/processes.ts';

const agents = crew({ onSays: (name, text) => process.stdout.write(`${name} ${text}\n`) });
const obedient = new URL('./obedient.ts', import.meta.url);
await Promise.all([agents.start('one', obedient, {}), agents.start('two', obedient, {})]);
process.stdout.write('all are ready\n');
