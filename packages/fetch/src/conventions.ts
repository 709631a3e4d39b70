// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
export const ATTR_HTTP_REQUEST_RESEND_COUNT = 'http.request.resend_count';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
export const ATTR_URL_FULL = 'url.full';
