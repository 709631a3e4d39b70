import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.api.GlobalOpenTelemetry;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;

/** A handler puts its job on a queue, and a thread of its own takes it off. The first job's scope is never closed there. */
public class Queue {
  record Job(URI page, CompletableFuture<String> done) {}

  public static void main(String[] args) throws Exception {
    var jobs = new LinkedBlockingQueue<Job>();
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    var tracer = GlobalOpenTelemetry.getTracer("jobs");
    var leaks = args[0].equals("leaks");
    var worker = new Thread(() -> {
      while (true) {
        try {
          var job = jobs.take();
          var span = tracer.spanBuilder("job").startSpan();
          var scope = span.makeCurrent();
          job.done.complete(client.send(HttpRequest.newBuilder(job.page).build(), BodyHandlers.ofString()).body());
          span.end();
          if (!leaks) scope.close();
        } catch (Exception error) {
          throw new RuntimeException(error);
        }
      }
    });
    worker.setDaemon(true);
    worker.start();
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 0);
    server.createContext("/ask", exchange -> {
      var page = URI.create(System.getenv("LIBRARY") + "/search?" + exchange.getRequestURI().getQuery());
      var job = new Job(page, new CompletableFuture<>());
      jobs.add(job);
      byte[] body = job.done.join().getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
  }
}
