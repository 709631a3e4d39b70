import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.Executors;

/** A handler gives its call to a pool of threads; the agent carries the context along, unless it is told not to. */
public class Pool {
  public static void main(String[] args) throws Exception {
    var pool = Executors.newFixedThreadPool(2);
    var version = args[0].equals("upgrade") ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1;
    var client = HttpClient.newBuilder().version(version).build();
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 0);
    server.createContext("/", exchange -> {
      var page = URI.create(System.getenv("LIBRARY") + "/search?" + exchange.getRequestURI().getQuery());
      var call = pool.submit(() -> client.send(HttpRequest.newBuilder(page).build(), BodyHandlers.ofString()));
      try {
        byte[] body = call.get().body().getBytes();
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
      } catch (Exception error) {
        exchange.sendResponseHeaders(500, -1);
      }
      exchange.close();
    });
    server.setExecutor(Executors.newFixedThreadPool(2));
    server.start();
  }
}
