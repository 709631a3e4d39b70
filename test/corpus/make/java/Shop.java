import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Orders over Kafka: a gateway sends them, and a worker takes them off in a loop and calls the library for each, in a pool of threads. */
public class Shop {
  static final String TOPIC = System.getenv("TOPIC");

  static Map<String, Object> settings(Map<String, Object> more) {
    var all = new java.util.HashMap<String, Object>(more);
    all.put("bootstrap.servers", System.getenv("KAFKA"));
    return all;
  }

  static void gateway() throws Exception {
    var text = "org.apache.kafka.common.serialization.StringSerializer";
    var producer = new KafkaProducer<String, String>(settings(Map.of("key.serializer", text, "value.serializer", text)));
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 0);
    server.createContext("/order", exchange -> {
      for (int item = 0; item < 3; item++) producer.send(new ProducerRecord<>(TOPIC, "item " + item));
      producer.flush();
      exchange.sendResponseHeaders(202, -1);
      exchange.close();
    });
    server.start();
  }

  static void worker() throws Exception {
    var text = "org.apache.kafka.common.serialization.StringDeserializer";
    var pool = Executors.newFixedThreadPool(2);
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    var consumer = new KafkaConsumer<String, String>(settings(Map.of(
        "group.id", "worker", "auto.offset.reset", "earliest", "key.deserializer", text, "value.deserializer", text)));
    consumer.subscribe(List.of(TOPIC));
    System.out.println("ready");
    while (true) {
      for (var order : consumer.poll(Duration.ofMillis(200))) {
        var page = URI.create(System.getenv("LIBRARY") + "/search?q=" + order.offset());
        pool.submit(() -> client.send(HttpRequest.newBuilder(page).build(), BodyHandlers.ofString()));
      }
    }
  }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("gateway")) gateway();
    else worker();
  }
}
