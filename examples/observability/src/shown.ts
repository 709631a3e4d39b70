/** What `run.ts` asks Prometheus. */
export const SHOWN: readonly { readonly title: string; readonly expression: string }[] = [
  {
    title: 'Hops, and what became of the trace context at each',
    expression: 'sum by (transport, direction, outcome) (throughline_hops_total)',
  },
  {
    title: 'Turns, and how they failed',
    expression: 'sum by (gen_ai_agent_name, error_type) (gen_ai_invoke_agent_duration_count)',
  },
  {
    title: 'Model calls: 95 of 100 take less than so many seconds',
    expression: 'histogram_quantile(0.95, sum by (le, gen_ai_request_model) (gen_ai_client_inference_duration_bucket))',
  },
  {
    title: 'Requests for one model call',
    expression:
      'sum by (gen_ai_request_model) (throughline_model_attempts_total) / sum by (gen_ai_request_model) (gen_ai_client_inference_duration_count)',
  },
  {
    title: 'Cost of each agent',
    expression: 'sum by (gen_ai_agent_name, throughline_cost_currency) (throughline_cost_total)',
  },
  {
    title: 'Signals: what failed in silence',
    expression: 'sum by (throughline_signal_kind) (throughline_signals_total)',
  },
];
