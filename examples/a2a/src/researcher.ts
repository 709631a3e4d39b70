import { Answering } from './message.ts';
import { serveAgent } from './serve.ts';

await serveAgent('researcher', new Answering(async (question) => `found <${question}>`));
