/*
 * Names of our own, for what no convention has. Times are seconds.
 */

// What a turn took: its own calls, not those of agents below it, so that no sum holds a call twice.
export const ATTR_TURN_OUTCOME = 'throughline.turn.outcome';
export const ATTR_TURN_MODEL_CALLS = 'throughline.turn.model_calls';
export const ATTR_TURN_TOOL_CALLS = 'throughline.turn.tool_calls';
export const ATTR_TURN_RETRIEVALS = 'throughline.turn.retrievals';
/** Runs of models that are no chat. */
export const ATTR_TURN_INFERENCES = 'throughline.turn.inferences';
/** Of all calls, those of the SDKs' and of `withAttempt`; equal to the calls where nothing was tried again. */
export const ATTR_TURN_ATTEMPTS = 'throughline.turn.attempts';
export const ATTR_TURN_INPUT_TOKENS = 'throughline.turn.input_tokens';
export const ATTR_TURN_OUTPUT_TOKENS = 'throughline.turn.output_tokens';
export const ATTR_TURN_COST = 'throughline.turn.cost';
/** What went into attempts that came to nothing. */
export const ATTR_TURN_WASTED_TIME = 'throughline.turn.wasted.time';
export const ATTR_TURN_WASTED_TOKENS = 'throughline.turn.wasted.tokens';
export const ATTR_TURN_REPEATED_TOOL_CALLS = 'throughline.turn.repeated_tool_calls';

export const ATTR_COST = 'throughline.cost';
export const ATTR_COST_CURRENCY = 'throughline.cost.currency';

// The phases of a model call, as they are seen from outside.
export const ATTR_MODEL_ATTEMPTS = 'throughline.model.attempts';
/** From the first attempt to the last: what was tried in vain, and the waiting after it. */
export const ATTR_MODEL_RETRY_TIME = 'throughline.model.retry.time';
/** Of that, the waiting alone. */
export const ATTR_MODEL_RETRY_WAIT = 'throughline.model.retry.wait';
/** From the start of the call to its request, or the first one. */
export const ATTR_MODEL_TIME_TO_REQUEST = 'throughline.model.time_to_request';
/** From the last request to its headers. */
export const ATTR_MODEL_TIME_TO_HEADERS = 'throughline.model.time_to_headers';
/** From the last request to the first token. */
export const ATTR_MODEL_TIME_TO_FIRST_TOKEN = 'throughline.model.time_to_first_token';
/** From the first token to the last chunk, without what the reader of the stream took. */
export const ATTR_MODEL_GENERATION_TIME = 'throughline.model.generation.time';
/** What the reader of the stream took between one chunk and asking for the next. */
export const ATTR_MODEL_READER_TIME = 'throughline.model.reader.time';
export const ATTR_MODEL_CHUNKS = 'throughline.model.chunks';
export const ATTR_MODEL_STALLS = 'throughline.model.stalls';
export const ATTR_MODEL_STALL_TIME = 'throughline.model.stall.time';
export const ATTR_MODEL_LONGEST_GAP = 'throughline.model.longest_gap';
export const ATTR_MODEL_SLOWEST_PHASE = 'throughline.model.slowest_phase';

// What the provider says of itself.
export const ATTR_MODEL_REQUEST_ID = 'throughline.model.request_id';
export const ATTR_MODEL_QUEUE_TIME = 'throughline.model.queue.time';
export const ATTR_MODEL_PROCESSING_TIME = 'throughline.model.processing.time';
export const ATTR_MODEL_REGION = 'throughline.model.region';
export const ATTR_MODEL_REQUESTS_LEFT = 'throughline.model.rate_limit.requests_left';
export const ATTR_MODEL_TOKENS_LEFT = 'throughline.model.rate_limit.tokens_left';

// A model that runs in the process, or is no chat.
export const ATTR_MODEL_VERSION = 'throughline.model.version';
export const ATTR_MODEL_LOAD_DURATION = 'throughline.model.load.duration';
export const ATTR_MODEL_LOAD_COLD = 'throughline.model.load.cold';
export const ATTR_INFERENCE_BATCH_SIZE = 'throughline.inference.batch_size';
export const ATTR_INFERENCE_PREPROCESS_TIME = 'throughline.inference.preprocess.time';
export const ATTR_INFERENCE_INFER_TIME = 'throughline.inference.infer.time';
export const ATTR_INFERENCE_POSTPROCESS_TIME = 'throughline.inference.postprocess.time';
export const ATTR_INFERENCE_PREDICTIONS = 'throughline.inference.predictions';
export const ATTR_CONFIDENCE_MIN = 'throughline.inference.confidence.min';
export const ATTR_CONFIDENCE_MEAN = 'throughline.inference.confidence.mean';
/** A tenth of the predictions are no surer than this. */
export const ATTR_CONFIDENCE_P10 = 'throughline.inference.confidence.p10';
/** The population stability index of the window that this run filled. */
export const ATTR_DRIFT = 'throughline.inference.drift';

// What a retrieval brought. Ages are seconds.
export const ATTR_RETRIEVAL_COUNT = 'throughline.retrieval.count';
export const ATTR_RETRIEVAL_OLDEST = 'throughline.retrieval.age.oldest';
export const ATTR_RETRIEVAL_NEWEST = 'throughline.retrieval.age.newest';
/** Documents older than `maxAgeMs`. */
export const ATTR_RETRIEVAL_STALE = 'throughline.retrieval.stale';
/** Documents that do not say how old they are. */
export const ATTR_RETRIEVAL_UNDATED = 'throughline.retrieval.undated';

/** The span that an evaluation is of, where that has ended and the event is on another one. */
export const ATTR_EVALUATED_SPAN = 'throughline.evaluation.span_id';

// As core has them on hop spans.
export const ATTR_LINEAGE_HOPS = 'throughline.lineage.hops';
export const ATTR_LINEAGE_ATTEMPT = 'throughline.lineage.attempt';

export const ATTR_STREAM_ENDED = 'throughline.stream.ended';
export const ATTR_INPUT_DIGEST = 'throughline.input.digest';
export const ATTR_TOOL_CALL_DIGEST = 'throughline.tool.call.digest';
/** The attempt that a call is, where it is not the first: see `withAttempt`. */
export const ATTR_ATTEMPT = 'throughline.attempt';
export const ATTR_SIGNALS = 'throughline.signals';

export const EVENT_REQUEST_SENT = 'throughline.model.request_sent';
export const EVENT_HEADERS = 'throughline.model.headers';
export const EVENT_FIRST_CHUNK = 'throughline.model.first_chunk';
export const EVENT_FIRST_TOKEN = 'throughline.model.first_token';
export const EVENT_STALL = 'throughline.model.stall';
export const EVENT_ATTEMPT_FAILED = 'throughline.model.attempt_failed';
export const EVENT_ROUTING_CHANGED = 'throughline.model.routing_changed';
export const EVENT_TOOL_REPEATED = 'throughline.tool.repeated';
export const EVENT_HANDOFF = 'throughline.handoff';
export const EVENT_MODEL_LOADED = 'throughline.model.loaded';
export const EVENT_SIGNAL = 'throughline.signal';

export const ATTR_ATTEMPT_NUMBER = 'throughline.attempt.number';
export const ATTR_ATTEMPT_DURATION = 'throughline.attempt.duration';
export const ATTR_ATTEMPT_RETRY_AFTER = 'throughline.attempt.retry_after';
export const ATTR_STALL_DURATION = 'throughline.stall.duration';
export const ATTR_ROUTING_FROM = 'throughline.routing.from';
export const ATTR_ROUTING_TO = 'throughline.routing.to';
export const ATTR_ROUTING_WHAT = 'throughline.routing.what';
export const ATTR_REPEATED_COUNT = 'throughline.tool.repeated.count';
export const ATTR_HANDOFF_TO = 'throughline.handoff.to';
export const ATTR_SIGNAL_KIND = 'throughline.signal.kind';
export const ATTR_SIGNAL_MESSAGE = 'throughline.signal.message';
export const ATTR_SIGNAL_VALUE = 'throughline.signal.value';
