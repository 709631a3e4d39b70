process.on('SIGTERM', () => process.stderr.write('no\n'));
setInterval(() => {}, 1000);
if (process.env['NEVER_READY'] === undefined) process.send?.({ event: 'ready' });
