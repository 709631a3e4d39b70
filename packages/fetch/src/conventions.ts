// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
export const ATTR_HTTP_REQUEST_METHOD = 'http.request.method';
export const ATTR_HTTP_REQUEST_METHOD_ORIGINAL = 'http.request.method_original';
export const ATTR_HTTP_REQUEST_RESEND_COUNT = 'http.request.resend_count';
export const ATTR_HTTP_RESPONSE_STATUS_CODE = 'http.response.status_code';
export const ATTR_SERVER_ADDRESS = 'server.address';
export const ATTR_SERVER_PORT = 'server.port';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
export const ATTR_URL_FULL = 'url.full';

/** Our own: the caller aborted the call. The conventions count that as no error. */
export const ATTR_ABORTED = 'throughline.aborted';
