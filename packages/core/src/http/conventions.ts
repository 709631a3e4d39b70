// https://opentelemetry.io/docs/specs/semconv/http/http-spans/
export const ATTR_HTTP_REQUEST_METHOD = 'http.request.method';
export const ATTR_HTTP_REQUEST_METHOD_ORIGINAL = 'http.request.method_original';
export const ATTR_HTTP_RESPONSE_STATUS_CODE = 'http.response.status_code';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/server/
export const ATTR_SERVER_ADDRESS = 'server.address';
export const ATTR_SERVER_PORT = 'server.port';

/** Our own: whoever asked went away before the end. The conventions count that as no error. */
export const ATTR_ABORTED = 'throughline.aborted';
