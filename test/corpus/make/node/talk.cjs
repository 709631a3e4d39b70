/** gRPC both ways: a call, and a talk in which both sides stream. */
const { listen, startTracing } = require('./telemetry.cjs');
startTracing('http', 'grpc');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');
const express = require('express');

const { Library } = grpc.loadPackageDefinition(loadSync('search.proto')).library;

function answer() {
  const server = new grpc.Server();
  server.addService(Library.service, {
    search: (call, done) => done(null, { text: call.request.text }),
    talk: (call) => {
      call.on('data', ({ text }) => call.write({ text: `${text}!` }));
      call.on('end', () => setTimeout(() => call.end(), 50));
    },
    pages: (call) => call.end(),
  });
  server.bindAsync(`127.0.0.1:${process.env.PORT}`, grpc.ServerCredentials.createInsecure(), () => undefined);
}

function ask() {
  const library = new Library(process.env.NEXT, grpc.credentials.createInsecure());
  const app = express();
  app.get('/ask', (request, response) => {
    library.search({ text: 'a' }, () => {
      const talk = library.talk();
      talk.on('data', () => undefined).on('end', () => response.json({}));
      for (const text of ['b', 'c']) talk.write({ text });
      talk.end();
    });
  });
  listen(app);
}

if (process.argv[2] === 'library') answer();
else ask();
