/** What the browser runs: it asks once, in the trace that its page was served in. */
import { traceFetch } from '@throughline/web/browser';

const ask = traceFetch();
const response = await ask('/questions/context', { method: 'POST', body: 'Which context does a handler run in?' });
document.title = `answered ${response.status}`;
