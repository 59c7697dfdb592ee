import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;

/** What Apache Avro makes of our schemas and bytes. */
public class Interop {
  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "fingerprints" -> fingerprints(new File(args[1]));
      case "copy" -> copy(Path.of(args[1]));
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  /** Prints file name and CRC-64-AVRO fingerprint, in hex, of every schema in a folder. */
  private static void fingerprints(File folder) throws Exception {
    File[] files = folder.listFiles((d, name) -> name.endsWith(".avsc"));
    Arrays.sort(files);
    for (File file : files) {
      Schema schema = new Schema.Parser().parse(file);
      System.out.printf("%s %016x%n", file.getName(), SchemaNormalization.parsingFingerprint64(schema));
    }
  }

  /**
   * Reads every NAME.in of a folder in single-object encoding with the schema NAME.avsc, by fingerprint, and writes
   * what it read to NAME.out in single-object encoding and to NAME.json as text.
   */
  private static void copy(Path folder) throws Exception {
    File[] files = folder.toFile().listFiles((d, name) -> name.endsWith(".in"));
    for (File file : files) {
      String name = file.getName().substring(0, file.getName().length() - ".in".length());
      Schema schema = new Schema.Parser().parse(folder.resolve(name + ".avsc").toFile());
      var decoder = new BinaryMessageDecoder<GenericRecord>(new GenericData(), schema);
      GenericRecord record = decoder.decode(Files.readAllBytes(file.toPath()));
      ByteBuffer out = new BinaryMessageEncoder<GenericRecord>(new GenericData(), schema).encode(record);
      byte[] bytes = new byte[out.remaining()];
      out.get(bytes);
      Files.write(folder.resolve(name + ".out"), bytes);
      Files.writeString(folder.resolve(name + ".json"), record.toString());
    }
  }
}
