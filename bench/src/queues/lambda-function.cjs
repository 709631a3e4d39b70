/** The function that its peer patches, as Lambda loads it. */
exports.handler = async () => ({
  statusCode: 200,
  headers: { 'content-type': 'application/json' },
  body: '{"id":"42"}',
});
