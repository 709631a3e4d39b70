/** What the stored messages carry, and those of a sender that opens no span. */
export const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
