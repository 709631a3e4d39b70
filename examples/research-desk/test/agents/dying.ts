const life = setInterval(() => {}, 1000);
process.once('SIGUSR2', () => {
  process.stderr.write('out of paper\n');
  process.exitCode = 3;
  clearInterval(life);
});
process.send?.({ event: 'ready', url: 'http://127.0.0.1:1' });
